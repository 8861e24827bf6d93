// @ts-check
// What changed elsewhere reaches the page: one stream that names topics, and the regions that depend on them are asked for again, at most
// twice a second. A hidden tab closes its stream and asks for everything when it is seen again, so that many open tabs do not use up the
// browser's connections. What changed between a page's making and its stream is told when the stream opens. And regions that are fetched once the page stands.

import { Unanswered, ask, put } from "./regions.js";

/** Changes are gathered this long, ms. */
const GATHER = 500;
/** Waits this long after a failure, ms; each further one twice as long. */
const AGAIN = 2000;
const AGAIN_MAX = 60_000;

/** Topics that changed and were not asked for yet; `resync` stands for all of them, `zone` for every region. @type {Set<string>} */
const waiting = new Set();
/** @type {EventSource | null} */
let stream = null;
let asked = false;
/** When what is shown was made, by the server's clock. */
let made = document.documentElement.dataset.now;
let again = AGAIN;

const root = document.documentElement;

/** @param {string} state */
function show(state) {
  for (const element of document.querySelectorAll("#live [data-state]")) {
    if (element instanceof HTMLElement) element.hidden = element.dataset.state !== state;
  }
}

/**
 * Regions to ask for, by the address they come from.
 * @param {Set<string>} topics
 */
function wanted(topics) {
  /** @type {Map<string, string[]>} */
  const byAddress = new Map();
  for (const region of document.querySelectorAll("[data-region]")) {
    if (!(region instanceof HTMLElement)) continue;
    const { region: name = "", later, loaded } = region.dataset;
    const own = (region.dataset.topics ?? "").split(" ").filter((topic) => topic !== "");
    const all = topics.has("zone") || (own.length > 0 && topics.has("resync"));
    const changed = all || own.some((topic) => topic === "any" || topics.has(topic));
    if (!changed || (later !== undefined && loaded === undefined)) continue;
    const address = later ?? location.href;
    byAddress.set(address, [...(byAddress.get(address) ?? []), name]);
  }
  return byAddress;
}

/** Asks for what waits, one after the other. */
async function refresh() {
  const topics = new Set(waiting);
  waiting.clear();
  /** @type {string | undefined} */
  let next;
  try {
    for (const [address, names] of wanted(topics)) {
      const page = await ask(address, names);
      if (page === null) return;
      next ??= page.documentElement.dataset.now;
      put(page, names);
      if (address === location.href && page.title) document.title = page.title;
    }
    again = AGAIN;
    made = next ?? made;
    if (stream?.readyState === EventSource.OPEN) show("live");
  } catch (error) {
    if (!(error instanceof Unanswered || error instanceof TypeError)) throw error;
    topics.forEach((topic) => waiting.add(topic));
    show("reconnecting");
    setTimeout(soon, again);
    again = Math.min(again * 2, AGAIN_MAX);
  }
}

/** Asks in a moment, unless that is under way. */
function soon() {
  if (asked || waiting.size === 0 || document.hidden) return;
  asked = true;
  setTimeout(() => {
    refresh().finally(() => {
      asked = false;
      soon();
    });
  }, GATHER);
}

/**
 * Something changed: a topic, or everything.
 * @param {string} topic
 */
export function changed(topic) {
  waiting.add(topic);
  soon();
}

function open() {
  if (stream !== null || document.hidden) return;
  stream = new EventSource(made === undefined ? "/events" : `/events?since=${encodeURIComponent(made)}`);
  stream.addEventListener("open", () => show("live"));
  stream.addEventListener("error", () => {
    show("reconnecting");
    if (stream?.readyState !== EventSource.CLOSED) return;
    // Refused, not broken off: the browser does not try again. Whoever was signed out is led to the sign-in by asking.
    stream = null;
    changed("resync");
    setTimeout(open, again);
    again = Math.min(again * 2, AGAIN_MAX);
  });
  stream.addEventListener("change", (event) => {
    show("live");
    changed(event.data);
  });
}

if (root.dataset.live !== undefined) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else {
      open();
    }
  });
  // The connection ends with the page, before the browser would report it as broken.
  addEventListener("pagehide", () => {
    stream?.close();
    stream = null;
  });
  addEventListener("pageshow", open);
  open();
}

/** Fetches what the page left for later. */
async function later() {
  for (const region of document.querySelectorAll("[data-later]:not([data-loaded], [aria-busy])")) {
    if (!(region instanceof HTMLElement)) continue;
    const { region: name = "", later: address = "", waiting: words = "" } = region.dataset;
    region.setAttribute("aria-busy", "true");
    const note = document.createElement("p");
    note.className = "waiting";
    note.textContent = words;
    const link = region.querySelector("p");
    link?.replaceWith(note);
    try {
      const page = await ask(address, [name]);
      const found = page?.querySelector(`[data-region=${CSS.escape(name)}]`);
      if (page && found) {
        region.dataset.loaded = "";
        put(page, [name]);
      }
    } catch {
      // The link says where it is.
    } finally {
      region.removeAttribute("aria-busy");
      if (region.dataset.loaded === undefined && link) note.replaceWith(link);
    }
  }
}

document.addEventListener("regions", later);
later();
