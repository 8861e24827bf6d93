import { expect, type Browser, type Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Does this project run with JavaScript? */
export const hydrates = (project: string) => project === "hydrate";

function password(login: string): string {
  const { people } = JSON.parse(readFileSync(join(process.env.E2E_DIR!, "credentials.json"), "utf8"));
  const found = (people as [string, string][]).find(([name]) => name === login);
  if (!found) throw new Error(`the demo has no ${login}`);
  return found[1];
}

/** Waits until a page can be clicked: hydrated where there is JavaScript, at once where not. */
export async function ready(page: Page, js: boolean) {
  if (js) await page.waitForSelector("html[data-hydrated]");
}

/** Someone signed in, in a browser context of their own; errors the page reports fail the test at the end. */
export async function signedIn(browser: Browser, login: string, js: boolean) {
  const context = await browser.newContext({ javaScriptEnabled: js });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`${page.url()} ${error}`));
  page.on("console", (message) => {
    // The browser itself logs a refused form's 400; the test that provokes one asserts its message on the page.
    const refusal = message.text().includes("status of 400");
    if (message.type() === "error" && !refusal) errors.push(`${page.url()} ${message.text()}`);
  });
  await page.goto("/signin");
  await ready(page, js);
  await page.fill('input[name="form[login]"]', login);
  await page.fill('input[name="form[password]"]', password(login));
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForURL((url) => url.pathname === "/");
  await ready(page, js);
  return { page, errors, close: () => context.close() };
}
