// @ts-check
// Regions of the page: asked for at the server, put in the place of what stands there (app/src/ui/region.rs).

import { morph } from "./morph.js";

/** The server did not answer as it should; what is shown stays. */
export class Unanswered extends Error {}

/**
 * The page at an address with some of its regions in it; none where the session is over and the reader is led to the sign-in.
 * @param {string} address
 * @param {string[]} names
 * @param {RequestInit} [more]
 * @returns {Promise<Document | null>}
 */
export async function ask(address, names, more = {}) {
  const answer = await fetch(address, { ...more, headers: { accept: "text/html", "x-region": names.join(" ") } });
  if (answer.status >= 500) throw new Unanswered(`${address}: ${answer.status}`);
  if (answer.redirected && new URL(answer.url).pathname === "/signin" && location.pathname !== "/signin") {
    // Whoever has begun a form keeps it: sent off, its text is kept over the sign-in.
    const typed = more.method === undefined && document.querySelector("form[data-begun]") !== null;
    if (!typed) location.assign(answer.url);
    return null;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A parser without scripts reads what is for browsers without them.
  page.querySelectorAll("noscript").forEach((element) => element.remove());
  return page;
}

/**
 * Puts regions of a page that was asked for in their places.
 * @param {Document} page
 * @param {string[]} names
 */
export function put(page, names) {
  for (const name of names) {
    const selector = `[data-region=${CSS.escape(name)}]`;
    const [from, to] = [document.querySelector(selector), page.querySelector(selector)];
    if (from && to) morph(from, to);
  }
  document.dispatchEvent(new CustomEvent("regions", { detail: page }));
}
