// The sheet: a pad to draw on, or a place that shows pictures.

import { find } from "./dom.js";

/** What to do here: large on an empty sheet, small on a picture, nothing on a drawing. */
export function hint(pad) {
  const line = find("#hint");
  line.hidden = pad.strokes.length > 0;
  line.classList.toggle("small", !pad.blank);
}

/** Whether strokes may be drawn on the sheet, or it shows pictures only. */
export function draws(pad, on) {
  pad.enabled = on;
  find(".pad").classList.toggle("picture", !on);
  find("#drawing").setAttribute("aria-pressed", String(on));
  const canvas = find("#pad");
  canvas.tabIndex = on ? 0 : -1;
  canvas.setAttribute("role", on ? "application" : "img");
  canvas.setAttribute("aria-label", on ? "Drawing pad" : "The picture");
}
