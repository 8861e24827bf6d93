// @ts-check
// Labels that say how long ago something was, moved on from the server's time that came with the page; what says a state that turns at a
// moment is asked for then. The words are those of app/src/ui/clock.rs and units.rs. And the browser's time zone, told to the server once.

import { changed } from "./live.js";

/** How often labels move on, ms. */
const TICK = 20_000;

const root = document.documentElement;
const zh = root.lang.startsWith("zh");

/** The server's time less ours, ms. */
let ahead = 0;

/** @param {string | undefined} now */
function set(now) {
  if (now !== undefined) ahead = Date.parse(now) - performance.now();
}

/** @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  const [number, unit] =
    s < 120 ? [s, 0] : s < 7_200 ? [Math.floor(s / 60), 1] : s < 172_800 ? [Math.floor(s / 3_600), 2] : [Math.floor(s / 86_400), 3];
  return `${number} ${(zh ? ["秒", "分钟", "小时", "天"] : ["s", "min", "h", "d"])[unit]}`;
}

/** @param {number} ago seconds */
export function relative(ago) {
  if (Math.abs(ago) <= 5) return zh ? "刚刚" : "just now";
  const words = duration(Math.abs(ago));
  if (zh) return `${words}${ago > 0 ? "前" : "后"}`;
  return ago > 0 ? `${words} ago` : `in ${words}`;
}

function tick() {
  const now = ahead + performance.now();
  for (const label of document.querySelectorAll("[data-ago]")) {
    if (!(label instanceof HTMLElement)) continue;
    const at = Date.parse(label.dataset.ago || label.getAttribute("datetime") || "");
    if (Number.isNaN(at)) continue;
    const ago = Math.trunc((now - at) / 1000);
    const text = label.dataset.words?.replace("{}", duration(ago)) ?? relative(ago);
    if (label.textContent !== text) label.textContent = text;
  }
  for (const label of document.querySelectorAll("[data-turns]")) {
    if (label instanceof HTMLElement && Date.parse(label.dataset.turns ?? "") <= now) {
      delete label.dataset.turns;
      changed("resync");
    }
  }
}

set(root.dataset.now);
document.addEventListener("regions", (event) => {
  if (event instanceof CustomEvent) set(event.detail.documentElement.dataset.now);
});
setInterval(tick, TICK);

/** Tells the server the browser's zone, where the reader chose none and it is another, and draws the page by its clocks. */
async function tellZone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (root.dataset.zoneChosen !== undefined || !name || name === root.dataset.zone || sessionStorage.getItem("zone") === name) return;
  sessionStorage.setItem("zone", name);
  const answer = await fetch("/fn/session/zone", { method: "POST", body: new URLSearchParams({ name }) });
  if (!answer.ok) return;
  root.dataset.zone = name;
  changed("zone");
}

tellZone().catch(() => sessionStorage.removeItem("zone"));
