// The product's promise: a lost image comes back through a vote on exactly one effect plan.
import { expect, test } from "@playwright/test";
import { scripted, ready, signedIn } from "./people";

test("a developer gets a deleted tag back, and the lead approves exactly that", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const tag = js ? "1.3.0" : "1.2.0";
  const { page: dev, errors } = await signedIn(browser, "dev", js);

  await dev.getByRole("searchbox").first().fill(`web:${tag}`);
  await dev.keyboard.press("Enter");
  await dev.getByRole("link", { name: `shop/web:${tag}`, exact: true }).first().click();
  await dev.waitForURL(/\/tags\?/);
  await ready(dev, js);
  await dev.getByRole("link", { name: "Restore this…" }).first().click();
  await dev.waitForURL(/\/restore\/new/);
  await ready(dev, js);
  await dev.getByRole("button", { name: "Look at the effect" }).click();
  await dev.waitForURL(/draft=/);
  await ready(dev, js);

  const ask = dev.getByRole("button", { name: /^Ask for/ });
  const reason = dev.locator('textarea[name="form[reason]"]');
  await reason.fill("short");
  await ask.click();
  await expect(dev.locator(".error-summary").first()).toBeVisible();
  await ready(dev, js);
  await expect(reason).toHaveValue("short");
  await reason.fill("It was deleted by accident this morning.");
  await ask.click();
  await dev.waitForURL(/\/restores\/\d+/);
  const request = dev.url();
  await expect(dev.getByRole("button", { name: /Approve exactly this plan/ })).toHaveCount(0);

  const { page: lead, errors: leadErrors } = await signedIn(browser, "lead", js);
  await lead.goto("/approvals");
  await ready(lead, js);
  await lead.getByRole("link", { name: "Decide", exact: true }).first().click();
  await lead.waitForURL(/\/restores\/\d+/);
  await ready(lead, js);
  // Who decides sees every line, and can take them along.
  const lines = lead.locator("#lines");
  await expect(lines).toContainText(`:${tag}`);
  const file = await lines.getByRole("link", { name: "CSV" }).getAttribute("href");
  const csv = await lead.request.get(file ?? "");
  expect(csv.headers()["content-disposition"]).toContain("attachment");
  expect(await csv.text()).toContain(`"shop/web","${tag}","create"`);
  await lead.getByRole("button", { name: /Approve exactly this plan/ }).click();

  await expect(async () => {
    await dev.goto(request);
    await expect(dev.locator(".callout").first()).toContainText(/read back/i, { timeout: 1_000 });
  }).toPass({ timeout: 45_000 });
  expect(errors).toEqual([]);
  expect(leadErrors).toEqual([]);
});
