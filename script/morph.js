// @ts-check
// Makes a part of the page what the server says it is, keeping every element that can stay: with it stay focus, selection, scrolling,
// what is folded out and what is being typed. Elements are the same by their id, a row by what it links to or acts on, others by name
// and first class, in their order.

/** Attributes that are the reader's or these scripts', not the server's. */
const OURS = new Set(["data-begun", "data-sent", "data-loaded", "data-later", "data-waiting", "aria-busy", "aria-live"]);

/** A form that was begun or is on its way, and what is shown once, are left as they are, whatever the server says meanwhile. */
const HELD = "form[data-begun], form[data-sent], [data-once]";

/** @param {Element} element */
const isHeld = (element) => element.matches(HELD);

/** @param {Node} node */
const holds = (node) => node instanceof Element && (isHeld(node) || node.querySelector(HELD) !== null);

/**
 * What makes an element this one among its neighbours; empty: nothing does.
 * @param {Element} element
 * @returns {string}
 */
function key(element) {
  if (element.id) return `#${element.id}`;
  if (element.tagName === "FORM") return `form ${element.getAttribute("action")}`;
  if (element.tagName !== "TR" && element.tagName !== "LI" && !element.classList.contains("row")) return "";
  const link = element.querySelector("a[href]");
  if (link) return `to ${link.getAttribute("href")}`;
  const hidden = [...element.querySelectorAll("input[type=hidden]")].map((field) => field.getAttribute("value"));
  return hidden.length > 0 ? `of ${hidden.join(" ")}` : "";
}

/** @param {Node} a @param {Node} b */
function isSame(a, b) {
  if (!(a instanceof Element && b instanceof Element)) return a.nodeType === b.nodeType;
  return a.tagName === b.tagName && a.classList[0] === b.classList[0] && key(a) === key(b);
}

/**
 * The first of `at` and what follows it that is the same as `next`; text only where it stands.
 * @param {Node | null} at
 * @param {Node} next
 */
function find(at, next) {
  if (at === null || !(next instanceof Element)) return at !== null && isSame(at, next) ? at : null;
  /** @type {Node | null} */
  let node = at;
  while (node !== null && !isSame(node, next)) node = node.nextSibling;
  return node;
}

/** @param {Element} from @param {Element} to */
function attributes(from, to) {
  const kept = (/** @type {string} */ name) => OURS.has(name) || (name === "open" && /^(DETAILS|DIALOG)$/.test(from.tagName));
  for (const { name } of [...from.attributes]) {
    if (!kept(name) && !to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (!kept(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

/** @param {Element} from @param {Element} to */
function children(from, to) {
  const nexts = [...to.childNodes];
  let at = from.firstChild;
  nexts.forEach((next, i) => {
    const match = find(at, next);
    if (match === null) {
      from.insertBefore(document.importNode(next, true), at);
      return;
    }
    // What stands between is gone, unless it comes later: then the match moves.
    while (at !== null && at !== match) {
      const gone = at;
      if (nexts.slice(i + 1).some((later) => isSame(gone, later))) break;
      at = gone.nextSibling;
      if (!holds(gone)) gone.remove();
    }
    if (at === match) at = match.nextSibling;
    else from.insertBefore(match, at);
    node(match, next);
  });
  while (at !== null) {
    const gone = at;
    at = gone.nextSibling;
    if (!holds(gone)) gone.remove();
  }
}

/** @param {Node} from @param {Node} to */
function node(from, to) {
  if (!(from instanceof Element && to instanceof Element)) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (!isHeld(from)) morph(from, to);
}

/**
 * Makes `from` what `to` is.
 * @param {Element} from
 * @param {Element} to
 */
export function morph(from, to) {
  // What was fetched later stays: the server says only where it is to be fetched from.
  const later = to.getAttribute("data-later");
  if (later !== null && from.hasAttribute("data-loaded") && from.getAttribute("data-later") === later) return;
  if (from.isEqualNode(to)) return;
  attributes(from, to);
  if (later !== null) {
    from.setAttribute("data-later", later);
    from.removeAttribute("data-loaded");
  }
  children(from, to);
}
