// @ts-check
// Forms are plain posts. Here: what was begun is marked, so that nothing replaces it; nothing is sent twice; what is posted in place, so
// that the rest of a form stays as it is; and the preview that follows the typing.

import { morph } from "./morph.js";
import { ask } from "./regions.js";

/** How long the typing pauses before the preview follows, ms. */
const PAUSE = 400;

/** The server answers within this, ms; a form that was stopped on its way can be sent again then. */
const GIVEN_UP = 60_000;

/** @param {EventTarget | null} target */
const formOf = (target) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ? target.form : null;

document.addEventListener("input", ({ target }) => {
  const form = formOf(target);
  if (!form) return;
  form.dataset.begun = "";
  const follows = form.closest("[data-follow]");
  if (follows instanceof HTMLElement) follow(form, follows.dataset.follow ?? "", PAUSE);
});
// What the page came back with after a refusal was typed too.
for (const summary of document.querySelectorAll("form .error-summary")) {
  const form = summary.closest("form");
  if (form) form.dataset.begun = "";
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  const submitter = event.submitter instanceof HTMLButtonElement ? event.submitter : null;
  const method = submitter?.getAttribute("formmethod") ?? form.method;
  const follows = form.closest("[data-follow]");
  if (method === "get" && follows instanceof HTMLElement) {
    event.preventDefault();
    follow(form, follows.dataset.follow ?? "", 0);
    return;
  }
  if (method !== "post") return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  if (form.id === "step-up" || submitter?.dataset.here !== undefined) {
    event.preventDefault();
    inPlace(form, submitter).finally(() => back(form));
    return;
  }
  submitter?.setAttribute("aria-busy", "true");
  // Not before the form is read: a button that is off is not posted.
  setTimeout(() => buttons(form, true));
  setTimeout(() => back(form), GIVEN_UP);
});

/**
 * @param {HTMLFormElement} form
 * @param {boolean} off
 */
function buttons(form, off) {
  for (const button of form.querySelectorAll("button[type=submit]")) {
    if (button instanceof HTMLButtonElement) button.disabled = off;
  }
}

/** @param {HTMLFormElement} form */
function back(form) {
  delete form.dataset.sent;
  buttons(form, false);
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

// Back from the page it led to: it may be sent again.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => form instanceof HTMLFormElement && back(form)));

/**
 * Posts a form, and shows what came of it without the page being left.
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement | null} submitter
 */
async function inPlace(form, submitter) {
  const place = document.getElementById(submitter?.dataset.here ?? "step-up-answer");
  if (!place) return;
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form, submitter)) body.append(name, String(value));
  submitter?.setAttribute("aria-busy", "true");
  if (place.dataset.waiting) place.textContent = place.dataset.waiting;
  try {
    const address = submitter?.getAttribute("formaction") ?? form.action;
    const page = await ask(address, [form.id || "page"], { method: "POST", body });
    if (!page) return;
    const came = page.getElementById(place.id);
    if (form.id === "step-up") {
      const refused = page.getElementById("step-up-refused");
      place.textContent = refused?.textContent ?? place.dataset.done ?? "";
    } else if (came) {
      morph(place, came);
    }
  } catch {
    place.textContent = document.documentElement.lang.startsWith("zh") ? "无法连接 Breakwater，请检查网络后重试" : "Breakwater cannot be reached; check the connection and try again";
  } finally {
    submitter?.removeAttribute("aria-busy");
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {AbortController | undefined} */
let asking;

/**
 * Asks for the page with the form's values in its address, and takes the part with this id from it.
 * @param {HTMLFormElement} form
 * @param {string} id
 * @param {number} pause ms
 */
function follow(form, id, pause) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    asking?.abort();
    asking = new AbortController();
    const place = document.getElementById(id);
    const button = form.querySelector("button[formmethod=get]");
    if (!place || !button) return;
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) query.append(name, String(value));
    try {
      const page = await ask(`${button.getAttribute("formaction")}?${query}`, ["page"], { signal: asking.signal });
      const came = page?.getElementById(id);
      if (came) morph(place, came);
    } catch {
      // The next letter asks again, and so does the button.
    }
  }, pause);
}
