// @ts-check
// Small things of every page: copying, the message of the last form, and where the focus is after a refusal.

/** How long "copied" is said, ms. */
const SAID = 1500;

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest(".copy") : null;
  const what = button?.previousElementSibling;
  const said = button?.querySelector(".copied");
  if (!what || !(said instanceof HTMLElement)) return;
  await navigator.clipboard.writeText(what.getAttribute("title") || what.textContent || "");
  said.textContent = said.dataset.done ?? "";
  setTimeout(() => (said.textContent = ""), SAID);
});

// What stands there from the start is not read out; what comes is.
const flash = document.querySelector(".flash-place > *");
if (flash) {
  const place = flash.parentElement;
  flash.remove();
  requestAnimationFrame(() => place?.append(flash));
}

const refused = document.querySelector(".error-summary");
if (refused instanceof HTMLElement) refused.focus();
