// Pieces that spelled-out sums are made of: number grids, rows, totals.

import { css, cssText, greatest } from "./colour.js";
import { h } from "./dom.js";
import { exact, tiny } from "./numbers.js";

/** A small table of numbers on their colours; `win` marks one cell. */
export function grid(values, width, { most = greatest(values), win = -1, label }) {
  const cells = Array.from(values, (value, index) =>
    h("span", { class: index === win ? "win" : undefined, style: { "background-color": css(value, most), color: cssText(value, most) } }, tiny(value)));
  return h("div", { class: `grid w${Math.min(width, 11)}`, role: "img", "aria-label": label, style: { "--columns": String(width) } }, cells);
}

/** label … left × right = product */
export const termRow = (label, left, right, product, most) =>
  h("li", { class: "term" },
    h("span", { class: "what" }, label),
    h("span", { class: "sum" }, `${exact(left)} × ${exact(right)}`),
    h("b", {}, exact(product)),
    h("i", { class: product < 0 ? "bar negative" : "bar", style: { transform: `scaleX(${most > 0 ? Math.abs(product) / most : 0})` } }));

export const plainRow = (label, value) => h("li", { class: "term plain" }, h("span", { class: "what" }, label), h("b", {}, exact(value)));

/** The last line: what it comes to, beside what the server computed. */
export function total(formula, value, own) {
  const agrees = own === undefined || Math.abs(value - own) <= 1e-3 * Math.max(1, Math.abs(own));
  return h("p", { class: "total" }, h("span", {}, formula), h("b", {}, `= ${exact(value)}`),
    own === undefined ? null : h("small", { class: agrees ? "agrees" : "differs" }, agrees ? "✓ as the server computed it" : `the server has ${exact(own)}`));
}

export const words = (...parts) => h("p", { class: "say" }, ...parts);
