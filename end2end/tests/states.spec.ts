// What pages become while they are used: each state has no accessibility violation, and what was written is not lost.
import { expect, test, type Page } from "@playwright/test";
import { ready, scripted, signInAgain, signedIn, violations } from "./people";

const shop = "/projects/demo/shop";

test("each state of asking, deciding and looking closer has no violation", async ({ browser }, info) => {
  test.skip(!scripted(info.project.name), "axe needs JavaScript");
  test.setTimeout(180_000);
  const found: string[] = [];
  const look = async (page: Page, what: string) => {
    await ready(page, true);
    found.push(...(await violations(page, what)));
  };
  const dev = await signedIn(browser, "dev", true);
  await dev.page.goto("/tags?h=demo&p=shop&repo=shop/web&tag=1.4.0");
  const artifact = await dev.page.locator('a[href^="/artifacts?"]').first().getAttribute("href");
  await dev.page.goto(artifact ?? "");
  await look(dev.page, "an artifact");
  await dev.page.goto(shop);
  await ready(dev.page, true);
  await dev.page.locator("details.menu summary").click();
  await look(dev.page, "the open menu");
  await dev.page.goto(shop);
  await ready(dev.page, true);
  await dev.page.keyboard.press("?");
  await look(dev.page, "the sheet of keys");
  // A tag that somebody deleted, and that no other test asks for.
  await dev.page.goto("/tags?h=demo&p=shop&repo=shop/team/worker&tag=0.9.0");
  await ready(dev.page, true);
  await dev.page.getByRole("link", { name: "Restore this…" }).first().click();
  await dev.page.waitForURL(/\/restore\/new/);
  await ready(dev.page, true);
  await dev.page.getByRole("button", { name: "Look at the effect" }).click();
  await dev.page.waitForURL(/draft=/);
  await look(dev.page, "the preview of a restore");
  await dev.page.locator('textarea[name="form[reason]"]').fill("short");
  await dev.page.getByRole("button", { name: /^Ask for/ }).click();
  await expect(dev.page.locator(".error-summary").first()).toBeVisible();
  await look(dev.page, "a refused request");
  await dev.page.locator('textarea[name="form[reason]"]').fill("Looked at from close by.");
  await dev.page.getByRole("button", { name: /^Ask for/ }).click();
  await dev.page.waitForURL(/\/restores\/\d+/);
  await look(dev.page, "one's own request");
  const request = dev.page.url();
  const lead = await signedIn(browser, "lead", true);
  await lead.page.goto("/approvals");
  await look(lead.page, "an inbox with a request");
  await lead.page.goto(request);
  await look(lead.page, "a request to decide on");
  await dev.page.getByRole("button", { name: "Take it back" }).click();
  await expect(dev.page.getByText("Taken back by its author.")).toBeVisible();
  await look(dev.page, "a request that is over");
  expect(found).toEqual([]);
  await dev.close();
  await lead.close();
});

test("what was written when the session ended is there after the sign-in", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, close } = await signedIn(browser, "ops", js);
  await page.goto("/plans/1");
  await ready(page, js);
  await page.getByText("Pause…").click();
  await page.getByLabel("Reason").fill("The Harbor is moved to another house today.");
  // The session ends elsewhere, as it does after half an hour; the browser keeps its cookie.
  const cookies = await page.context().cookies();
  await page.request.post("/fn/session/out", { headers: { "sec-fetch-site": "same-origin" }, form: {} });
  await page.context().addCookies(cookies);
  await page.getByRole("button", { name: "Pause the plan" }).click();
  await page.waitForURL(/\/signin\?next=/);
  await expect(page.getByText("What you wrote is kept")).toBeVisible();
  await ready(page, js);
  await signInAgain(page, "ops");
  await page.waitForURL(/\/plans\/1\?came=/);
  await ready(page, js);
  await expect(page.getByText("send it again")).toBeVisible();
  await expect(page.getByLabel("Reason")).toHaveValue("The Harbor is moved to another house today.");
  await close();
});
