// Every page opens for who may see it, says what it is, and has no accessibility violation; who may not is told nothing.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";
import { hydrates, ready, signedIn } from "./people";

const seen: Record<string, string[]> = {
  dev: ["/", "/projects", "/restores", "/me"],
  ops: ["/harbors", "/vaults", "/plans", "/plans/new", "/jobs", "/jobs/1"],
  auditor: ["/audit"],
};

for (const [login, paths] of Object.entries(seen)) {
  test(`${login} can use every page`, async ({ browser }, info) => {
    const js = hydrates(info.project.name);
    const { page, errors, close } = await signedIn(browser, login, js);
    for (const path of paths) {
      const answer = await page.goto(path);
      expect(answer?.status(), path).toBe(200);
      await ready(page, js);
      await expect(page.getByRole("heading", { level: 1 }), path).toHaveCount(1);
      if (js) {
        const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa"]).analyze();
        expect(violations.map((v) => `${path}: ${v.id} ${v.nodes[0]?.html}`)).toEqual([]);
      }
    }
    expect(errors).toEqual([]);
    await close();
  });
}

test("a developer finds no pages of operators", async ({ browser }, info) => {
  const { page, close } = await signedIn(browser, "dev", hydrates(info.project.name));
  for (const path of ["/vaults", "/plans/new", "/accounts"]) {
    const answer = await page.goto(path);
    expect([403, 404], path).toContain(answer?.status());
  }
  await close();
});

test("a stranger is sent to the sign-in and comes back to where they wanted", async ({ page }) => {
  await page.goto("/restores");
  await expect(page).toHaveURL(/\/signin\?.*restores/);
});
