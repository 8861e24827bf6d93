// @ts-check
// Single keys, unless the reader switched them off on the profile page. An element says by `data-key` which key is for it: a link is
// followed, a field gets the focus, a dialog is opened. "g h" are two keys, one after the other. Never while something is being typed.

/** Longest pause between the first key of two and the second, ms. */
const PAUSE = 1500;

/** When `g` was pressed, if it was the last key. */
let since = -Infinity;

/** @param {EventTarget | null} target */
const isTyping = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  const off = document.documentElement.dataset.keys === undefined;
  if (off || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const second = event.timeStamp - since < PAUSE;
  since = !second && event.key === "g" ? event.timeStamp : -Infinity;
  const key = second ? `g ${event.key}` : event.key;
  const element = document.querySelector(`[data-key=${CSS.escape(key)}]`);
  if (!(element instanceof HTMLElement)) return;
  event.preventDefault();
  if (element instanceof HTMLDialogElement) {
    if (!element.open) element.showModal();
  } else if (element instanceof HTMLAnchorElement) {
    element.click();
  } else {
    element.focus();
  }
});
