import { chromium } from "@playwright/test";
import { readFileSync } from "node:fs";
const base = process.env.BASE ?? "http://127.0.0.1:8470", dir = process.env.DIR ?? "/work/t/pages/tmp/demo", out = process.env.OUT ?? "/work/t/pages/tmp/shots";
const people = Object.fromEntries(JSON.parse(readFileSync(`${dir}/credentials.json`, "utf8")).people);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
async function as(login, options) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (e) => console.log("pageerror", page.url(), String(e)));
  page.on("console", (m) => m.type() === "error" && console.log("console", page.url(), m.text()));
  await page.goto(`${base}/signin`);
  await page.fill('input[name="form[login]"]', login);
  await page.fill('input[name="form[password]"]', people[login]);
  await page.click("main form button.primary");
  await page.waitForURL(base + "/");
  return { page, context };
}
let request = process.env.REQUEST;
if (!request) {
  const { page, context } = await as("dev", {});
  await page.goto(`${base}/restore/new?h=demo&p=shop&at=2099-01-01T00:00:00Z&item=shop/web:1.3.0`);
  await page.click('button:has-text("Look at the effect")');
  await page.waitForURL(/draft=/);
  await page.fill('textarea[name="form[reason]"]', "It was deleted by accident this morning.");
  await page.click('button:has-text("Ask for")');
  await page.waitForURL(/restores\/\d+/);
  request = new URL(page.url()).pathname;
  await context.close();
}
console.log(request);
const looks = { light: {}, dark: { colorScheme: "dark" }, narrow: { viewport: { width: 390, height: 844 } }, zh: { locale: "zh-CN", timezoneId: "Asia/Shanghai" }, nojs: { javaScriptEnabled: false } };
const pages = { ops: { home: "/", plan: "/plans/1/edit", harbor: "/harbors/demo", vault: "/vaults/1", planpage: "/plans/1" }, lead: { request, approvals: "/approvals", timeline: "/projects/demo/shop", me: "/me" } };
for (const [look, options] of Object.entries(looks)) {
  for (const [login, paths] of Object.entries(pages)) {
    const { page, context } = await as(login, options);
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(base + path);
      if (options.javaScriptEnabled !== false) await page.waitForSelector("html[data-ready]");
      await page.waitForTimeout(700);
      await page.screenshot({ path: `${out}/${name}-${look}.png`, fullPage: true });
    }
    await context.close();
  }
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  await page.goto(base + "/signin");
  await page.screenshot({ path: `${out}/signin-${look}.png` });
  await context.close();
}
await browser.close();
