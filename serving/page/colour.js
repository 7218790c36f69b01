// Numbers → colours: cool for negative, the background for zero, warm for positive.

import { h } from "./dom.js";

const STEPS = 255; // either way
let table = null; // Uint8ClampedArray, RGBA, 2 · STEPS + 1 entries

function resolved(variable) {
  const probe = h("i", { style: { color: `var(${variable})`, display: "none" } });
  document.body.append(probe);
  const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return parts;
}

function build() {
  const [negative, zero, positive] = ["--map-negative", "--map-zero", "--map-positive"].map(resolved);
  const colours = new Uint8ClampedArray(4 * (2 * STEPS + 1));
  for (let step = -STEPS; step <= STEPS; step += 1) {
    const end = step < 0 ? negative : positive;
    const share = (Math.abs(step) / STEPS) ** 0.75; // small values stay visible
    const at = 4 * (step + STEPS);
    for (let c = 0; c < 3; c += 1) colours[at + c] = zero[c] + share * (end[c] - zero[c]);
    colours[at + 3] = 255;
  }
  return colours;
}

/** Call `redraw` after the theme has changed. */
export function onTheme(redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    table = null;
    redraw();
  });
}

/** Offset into `colours()` of a value on a scale from -most to most. */
export function place(value, most) {
  const step = most > 0 ? Math.round((STEPS * value) / most) : 0;
  return 4 * (Math.max(-STEPS, Math.min(STEPS, step)) + STEPS);
}

export const colours = () => (table ??= build());

export function css(value, most) {
  const at = place(value, most);
  return `rgb(${colours().slice(at, at + 3).join(" ")})`;
}

/** Relative luminance (WCAG 2). */
function luminance(rgb) {
  const [r, g, b] = Array.from(rgb, (c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever has the greater contrast to the colour of the value. */
export function cssText(value, most) {
  const at = place(value, most);
  return luminance(colours().slice(at, at + 3)) > 0.179 ? "#000" : "#fff"; // 0.179: both have 4.58
}

export function greatest(data) {
  let most = 0;
  for (let i = 0; i < data.length; i += 1) most = Math.max(most, Math.abs(data[i]));
  return most;
}
