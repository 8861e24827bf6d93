import AxeBuilder from "@axe-core/playwright";
import { expect, type Browser, type BrowserContextOptions, type Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Does this project run with JavaScript? */
export const scripted = (project: string) => project === "js";

const credentials = () => JSON.parse(readFileSync(join(process.env.E2E_DIR!, "credentials.json"), "utf8"));

function password(login: string): string {
  const found = (credentials().people as [string, string][]).find(([name]) => name === login);
  if (!found) throw new Error(`the demo has no ${login}`);
  return found[1];
}

/** The password of the demo Harbor's administrator. */
export const harborAdmin = (): string => credentials().harbor_admin;

/** Waits until what scripts add is there; a page can be used before. */
export async function ready(page: Page, js: boolean) {
  if (js) await page.waitForSelector("html[data-ready]");
}

/** Fills the sign-in that is open. */
export async function signInAgain(page: Page, login: string) {
  await page.fill('input[name="form[login]"]', login);
  await page.fill('input[name="form[password]"]', password(login));
  await page.locator("main form button[type=submit].primary").click();
}

/** Someone signed in, in a browser context of their own; errors the page reports fail the test at the end. */
export async function signedIn(browser: Browser, login: string, js: boolean, look: BrowserContextOptions = {}) {
  const context = await browser.newContext({ javaScriptEnabled: js, ...look });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`${page.url()} ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`${page.url()} ${message.text()}`);
  });
  await page.goto("/signin");
  await ready(page, js);
  await signInAgain(page, login);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForURL((url) => url.pathname === "/");
  await ready(page, js);
  return { page, context, errors, close: () => context.close() };
}

/** What axe finds wrong with a page, by its name. */
export async function violations(page: Page, name: string) {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
  return violations.map((v) => `${name}: ${v.id} ${v.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
}
