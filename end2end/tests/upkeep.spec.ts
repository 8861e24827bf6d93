// What is kept, by whose word and until when: holds with an end and a release, what becomes of a deleted plan's snapshots, and the search.
import { expect, test } from "@playwright/test";
import { scripted, ready, signedIn } from "./people";

const shop = "/projects/demo/shop";

test("a line of an error finds its image, and Harbor says whether it has it", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "dev", js);
  await page.goto("/search");
  await ready(page, js);
  const line = 'Failed to pull image "registry.elsewhere.example/shop/web:1.4.0": rpc error: code = NotFound desc = not found';
  await page.locator('main input[type="search"]').fill(line);
  await page.locator("main").getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/\/search\?q=/);
  await expect(page.getByText("registry.elsewhere.example is not the address of a Harbor you see here")).toBeVisible();
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "shop/web:1.4.0", exact: true }) });
  await expect(row).toHaveCount(1);
  await expect(row).toContainText(/yes|no|as of/);
  // With Harbor's answer there, nothing stands twice.
  if (js) await expect(row).not.toContainText("as of");
  await expect(page.getByText("registry.elsewhere.example is not the address of a Harbor you see here")).toBeVisible();
  await page.goto(`/search?q=${encodeURIComponent("the pod does not start since this morning at all")}`);
  await expect(page.getByText("No image is named in this text.")).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("a moment is held until a day, and released with a reason", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "lead", js);
  const why = js ? "the auditors asked" : "the lawyers asked";
  await page.goto(shop);
  await ready(page, js);
  await page.locator("#hold-reason").fill(why);
  await page.locator("#hold-until").fill("2090-12-31");
  await page.getByRole("button", { name: "Hold it" }).click();
  await expect(page.getByText("The snapshot is held.")).toBeVisible();
  await expect(page.getByText(new RegExp(`${why}, by lead, until`)).first()).toBeVisible();
  await page.locator("#release-reason").fill("they have what they asked for");
  await page.locator("#release-hold_id").selectOption({ label: await page.locator("#release-hold_id option", { hasText: why }).first().innerText() });
  await page.getByRole("button", { name: "Release it" }).click();
  await expect(page.getByText("The hold is released.")).toBeVisible();
  await expect(page.getByText(why)).toHaveCount(0);
  expect(errors).toEqual([]);
  await close();
});

test("deleting a plan asks what becomes of its snapshots", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, close } = await signedIn(browser, "ops", js);
  await page.goto("/plans/1/delete");
  await ready(page, js);
  await expect(page.getByLabel("What becomes of its snapshots")).toBeVisible();
  const name = (await page.getByLabel(/^Type/).evaluate((field) => field.closest(".field")?.textContent ?? "")).match(/“(.+)”/)?.[1] ?? "";
  await page.getByLabel(/^Type/).fill(name);
  await page.getByRole("button", { name: "Delete the plan" }).click();
  await expect(page.locator(".error-summary").first()).toContainText("say what becomes of its snapshots");
  await close();
});
