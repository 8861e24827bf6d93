// Browser tests against `breakwater demo` on ports and data of their own, with JavaScript and without it.
import { defineConfig } from "@playwright/test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const target = process.env.CARGO_TARGET_DIR;
if (!target) throw new Error("set CARGO_TARGET_DIR to where the program was built, or run make test");
// Set once, so that the workers read the folder the server was started with.
process.env.E2E_DIR ??= mkdtempSync(join(tmpdir(), "breakwater-e2e-"));
const port = Number(process.env.E2E_PORT ?? 8390);
const harborPort = port + 1;

export default defineConfig({
  testDir: "tests",
  workers: 1,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  projects: [
    { name: "js", use: { javaScriptEnabled: true } },
    { name: "nojs", use: { javaScriptEnabled: false } },
  ],
  webServer: {
    command: `exec "${target}/debug/breakwater" demo --dir "${process.env.E2E_DIR}" --site "${target}/site" --port ${port} --harbor-port ${harborPort}`,
    // Ready only when the last snapshot is taken and the people can sign in.
    wait: { stdout: /Ctrl-C stops everything/ },
    timeout: 240_000,
    gracefulShutdown: { signal: "SIGINT", timeout: 20_000 },
    stdout: "pipe",
  },
});
