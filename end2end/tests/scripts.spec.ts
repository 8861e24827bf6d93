// What scripts add to pages that work without them, how light they are, and that nothing is lost of what somebody does meanwhile.
import { expect, test, type Page } from "@playwright/test";
import { brotliCompressSync } from "node:zlib";
import { scripted, ready, signedIn } from "./people";

/** All scripts of a page together, bytes, brotli at its hardest. */
const SCRIPT_BYTES_MAX = 30 * 1024;

/** The chip that says that the page is live. */
const live = (page: Page) => page.locator('#live [data-state="live"]');

test.beforeEach(({}, info) => test.skip(!scripted(info.project.name), "is about scripts"));

test("keys work as soon as a page has loaded, with an empty cache, and until they are switched off", async ({ browser }) => {
  const { page, errors, close } = await signedIn(browser, "auditor", true);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Network.clearBrowserCache");
  await page.goto("/plans", { waitUntil: "load" });
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await page.waitForURL(/\/jobs$/);
  await page.goto("/me");
  await page.getByRole("button", { name: "Switch single keys off" }).click();
  await expect(page.getByText("They are off.")).toBeVisible();
  await ready(page, true);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.getByRole("button", { name: "Switch single keys on" }).click();
  await expect(page.getByText("They are on.")).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("a page brings little script, no wasm, and nothing inline", async ({ browser }) => {
  const { page, close } = await signedIn(browser, "ops", true);
  const scripts = new Map<string, number>();
  page.on("response", async (response) => {
    const path = new URL(response.url()).pathname;
    expect(path).not.toMatch(/\.wasm$/);
    if (path.endsWith(".js") && response.status() === 200) scripts.set(path, brotliCompressSync(await response.body()).length);
  });
  const cdp = await page.context().newCDPSession(page);
  for (const path of ["/", "/projects/demo/shop", "/plans/1/edit", "/harbors/new"]) {
    await cdp.send("Network.clearBrowserCache");
    await page.goto(path, { waitUntil: "networkidle" });
    expect(await page.locator("script:not([src])").count(), path).toBe(0);
  }
  expect(scripts.size).toBeGreaterThan(0);
  const all = [...scripts.values()].reduce((sum, bytes) => sum + bytes, 0);
  expect(all, JSON.stringify([...scripts])).toBeLessThanOrEqual(SCRIPT_BYTES_MAX);
  await close();
});

test("what changes elsewhere comes into the page, and what is typed, open and focused stays", async ({ browser }) => {
  const { page, context, errors, close } = await signedIn(browser, "ops", true);
  await page.goto("/plans/1");
  await ready(page, true);
  await expect(live(page)).toBeVisible();
  await page.getByText("Pause…").click();
  const reason = page.locator("#pause-reason");
  await reason.fill("the storage is being moved");
  const runs = page.locator("table", { hasText: "New bytes" }).locator("tbody tr");
  const before = await runs.count();
  const newest = runs.first().getByRole("link");
  const name = await newest.innerText();
  await newest.focus();

  const other = await context.newPage();
  await other.goto("/plans/1");
  await other.getByRole("button", { name: /Run now|Run again after it/ }).click();
  await other.waitForURL(/\/jobs\/\d+/);

  await expect(async () => expect(await runs.count()).toBeGreaterThan(before)).toPass();
  await expect(page.locator(":focus")).toHaveText(name);
  await expect(reason).toBeVisible();
  await expect(reason).toHaveValue("the storage is being moved");
  // The page of the job says how it ends, by itself.
  await expect(other.locator("main")).toContainText("done", { timeout: 30_000 });
  expect(errors).toEqual([]);
  await close();
});

test("a form that is on its way is not sent a second time, and the message of what it did is shown once", async ({ browser }) => {
  const { page, errors, close } = await signedIn(browser, "lead", true);
  let posts = 0;
  await page.route("**/fn/session/keys", async (route) => {
    posts += 1;
    await route.continue();
  });
  await page.goto("/me");
  await ready(page, true);
  await page.evaluate(() => {
    const button = document.querySelector<HTMLButtonElement>('form[action="/fn/session/keys"] button');
    button?.click();
    button?.click();
  });
  await expect(page.locator(".flash")).toContainText("It is kept with your account.");
  expect(posts).toBe(1);
  await page.reload();
  await expect(page.locator(".flash")).toHaveCount(0);
  await page.getByRole("button", { name: "Switch single keys on" }).click();
  await expect(page.locator(".flash")).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("the password is asked for in the middle of a form whose text stays", async ({ browser }) => {
  const { page, context, close } = await signedIn(browser, "sec", true);
  await page.goto("/admin/users/new");
  await ready(page, true);
  await page.fill("#f-login", "newcomer");
  // As the server draws it in a form that needs it (app/src/ui/form.rs); the session of this test is too fresh to be asked.
  await page.evaluate(() => {
    document.querySelector("main form.form")!.insertAdjacentHTML(
      "afterbegin",
      `<p><input id="password-again" name="password_again" type="password" form="step-up">
       <button type="submit" form="step-up">Confirm</button><span role="status" id="step-up-answer" data-done="Thank you."></span></p>`,
    );
  });
  await page.fill("#password-again", "not the password");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.locator("#step-up-answer")).toHaveText("this is not your password");
  await expect(page.locator("#f-login")).toHaveValue("newcomer");
  await context.close();
  await close();
});

test("a connection is tested without what was typed being lost", async ({ browser }) => {
  const { page, errors, close } = await signedIn(browser, "ops", true);
  await page.goto("/harbors/new");
  await ready(page, true);
  await page.fill("#f-name", "elsewhere");
  await page.fill("#f-url", "https://169.254.169.254");
  await page.fill("#f-admin_login", "admin");
  await page.fill("#f-admin_password", "a secret that stays");
  await page.getByRole("button", { name: "Only test" }).click();
  await expect(page.locator("#outcome .callout")).toBeVisible();
  await expect(page.locator("#f-admin_password")).toHaveValue("a secret that stays");
  expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe("/harbors/new");
  expect(errors).toEqual([]);
  await close();
});

test("the preview of a plan follows the typing", async ({ browser }) => {
  const { page, errors, close } = await signedIn(browser, "ops", true);
  await page.goto("/plans/1/edit");
  await ready(page, true);
  await page.locator("#f-cron").fill("15 3 * * *");
  await expect(page.locator("#preview")).toContainText("03:15");
  await page.locator("#f-cron").fill("not a schedule");
  await expect(page.locator("#preview")).toContainText("The preview waits");
  await expect(page.locator("#f-cron")).toHaveValue("not a schedule");
  expect(errors).toEqual([]);
  await close();
});

test("labels of time say in the browser what the server said", async ({ browser }) => {
  for (const locale of ["en", "zh-CN"]) {
    const { page, close } = await signedIn(browser, "ops", true, { locale });
    for (const path of ["/", "/plans/1", "/jobs", "/harbors/demo"]) {
      await page.goto(path);
      await ready(page, true);
      const wrong = await page.evaluate(async () => {
        const times = "/pkg/times.js";
        const { duration, relative } = await import(times);
        const now = Date.parse(document.documentElement.dataset.now!);
        return [...document.querySelectorAll<HTMLElement>("[data-ago]")].flatMap((label) => {
          const ago = Math.trunc((now - Date.parse(label.dataset.ago || label.getAttribute("datetime")!)) / 1000);
          const text = label.dataset.words?.replace("{}", duration(ago)) ?? relative(ago);
          return text === label.textContent ? [] : [`${text} is not ${label.textContent}`];
        });
      });
      expect(wrong, path).toEqual([]);
    }
    await close();
  }
});

test("a copied digest is the whole one", async ({ browser }) => {
  const { page, context, close } = await signedIn(browser, "dev", true);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/projects/demo/shop");
  await ready(page, true);
  const digest = page.locator(".digest").first();
  await digest.getByRole("button").click();
  await expect(digest).toContainText("copied");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^sha256:[0-9a-f]{64}$/);
  await close();
});

test("a token that is shown once stays while the page is brought up to date", async ({ browser }) => {
  const { page, errors, close } = await signedIn(browser, "dev", true);
  await page.goto("/me");
  await ready(page, true);
  await page.fill("#token-name", "ci");
  await page.getByRole("button", { name: "Make the token" }).click();
  await expect(page.locator(".secret")).toBeVisible();
  await ready(page, true);
  const asked = page.waitForResponse((response) => response.request().headers()["x-region"]?.includes("page") ?? false);
  await page.evaluate(async () => {
    const live = "/pkg/live.js";
    (await import(live)).changed("accounts");
  });
  expect(await (await asked).text()).not.toContain('class="secret"');
  await expect(page.getByRole("row").filter({ hasText: "ci" })).toContainText("active");
  await expect(page.locator(".secret")).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("what is fetched later takes the place of its link, and the link stays where it cannot be", async ({ browser }) => {
  const { page, close } = await signedIn(browser, "ops", true);
  await page.goto("/harbors");
  await ready(page, true);
  // As ui/region.rs draws it: the log of a job is a region of that page.
  const put = (region: string, href: string) =>
    page.evaluate(
      ([region, href]) => {
        document.querySelector("main")!.insertAdjacentHTML(
          "beforeend",
          `<section class="region" data-region="${region}" data-later="${href}" data-waiting="Reading…" aria-live="polite"><p><a class="btn" href="${href}">Look</a></p></section>`,
        );
        document.dispatchEvent(new CustomEvent("regions", { detail: document }));
      },
      [region, href],
    );
  await put("log", "/jobs/1");
  await expect(page.locator('[data-region="log"] h2')).toHaveText("Log");
  await expect(page.locator('[data-region="log"]').getByRole("link", { name: "Look" })).toHaveCount(0);
  await page.route("**/jobs/2", (route) => route.abort());
  await put("other", "/jobs/2");
  await expect(page.locator('[data-region="other"]').getByRole("link", { name: "Look" })).toBeVisible();
  await close();
});
