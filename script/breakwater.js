// @ts-check
// What the browser adds to pages that work without it: keys, copying, what changed elsewhere, labels of time, forms that stay.
// Nothing here draws anything: what is shown comes from the server as HTML. Each part acts on attributes and ids that the pages name
// (app/src/ui). Type-checked as it is; there is no build step.

import "./keys.js";
import "./forms.js";
import "./live.js";
import "./page.js";
import "./times.js";

// Tests wait for it, and the style shows what only works from here on.
document.documentElement.dataset.ready = "";
