// One line at the foot of the window: what went wrong, or what was done.

import { find } from "./dom.js";

let fading = 0; // timer of a notice that goes by itself

/** `stays`: until the next success; others go after a while. */
export function notice(text, { stays = false } = {}) {
  const line = find("#notice");
  clearTimeout(fading);
  line.textContent = text;
  line.hidden = !text;
  line.classList.toggle("stays", stays);
  if (text && !stays) fading = setTimeout(() => notice(""), 8000);
}

/** A request succeeded: what was said about a failed one no longer holds. */
export function recovered() {
  if (find("#notice").classList.contains("stays")) notice("");
}
