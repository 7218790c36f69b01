// Patch × kernel, map by map, plus the bias: what one unit of a convolution is.

import { greatest } from "./colour.js";
import { h } from "./dom.js";
import { sourceMaps, windowAt } from "./field.js";
import { mapName } from "./layers.js";
import { exact, plural } from "./numbers.js";
import { grid, total, words } from "./spelled.js";

const SHOWN = 6; // input maps spelled out at once

export function convolution({ item, before, unit, own, values, weight, bias }) {
  if (!weight) return tooLarge(own);
  const parts = products({ item, before, unit, values, weight });
  const offset = bias ? bias.data[unit.map] : 0;
  const value = parts.reduce((sum, part) => sum + part.sum, offset);
  const shown = parts.length <= SHOWN ? parts : [...parts].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)).slice(0, SHOWN);
  const rest = parts.filter((part) => !shown.includes(part));
  const most = { patch: greatest(values.data), kernel: greatest(parts.flatMap((part) => part.kernel)) };
  const rows = shown.map((part) => partRow(part, item, most));
  const more = rest.length ? moreRows(rest, item, most) : null;
  return { value, nodes: [intro(item, parts), h("div", { class: "parts" }, rows, more), sum(parts, offset, value, own)] };
}

/** [{ name, patch, kernel, sum }] for every map that this filter reads. */
function products({ item, before, unit, values, weight }) {
  const [first, last] = sourceMaps(item, before, unit.map);
  const { top, left } = windowAt(item, unit.row, unit.column);
  const [kh, kw] = item.kernel;
  const each = last - first + 1;
  const parts = [];
  for (let map = first; map <= last; map += 1) {
    const part = { name: mapName(before, map), patch: [], kernel: [], sum: 0 };
    for (let i = 0; i < kh * kw; i += 1) {
      const row = top + Math.floor(i / kw) * item.dilation[0];
      const column = left + (i % kw) * item.dilation[1];
      const inside = row >= 0 && column >= 0 && row < before.height && column < before.width;
      const x = inside ? values.data[(map * before.height + row) * before.width + column] : 0;
      const w = weight.data[(unit.map * each + map - first) * kh * kw + i];
      part.patch.push(x);
      part.kernel.push(w);
      part.sum += x * w;
    }
    parts.push(part);
  }
  return parts;
}

function partRow(part, item, most) {
  const [, kw] = item.kernel;
  return h("div", { class: "part" },
    h("span", { class: "from" }, part.name),
    grid(part.patch, kw, { most: most.patch, label: `Patch of ${part.name}` }), h("span", {}, "×"),
    grid(part.kernel, kw, { most: most.kernel, label: `Kernel for ${part.name}` }),
    h("b", {}, exact(part.sum)));
}

function moreRows(rest, item, most) {
  const added = rest.reduce((sum, part) => sum + part.sum, 0);
  const box = h("details", { class: "rest" }, h("summary", {}, `${plural(rest.length, "more map")} together: ${exact(added)}`));
  box.addEventListener("toggle", () => {
    if (box.children.length === 1) box.append(...rest.map((part) => partRow(part, item, most)));
  });
  return box;
}

function intro(item, parts) {
  const [kh, kw] = item.kernel;
  const each = `${kh} × ${kw} = ${kh * kw} numbers`;
  if (parts.length === 1) return words(`${each} under the window, each multiplied by its weight in the kernel; their sum, plus the bias.`);
  return words(`This filter has one ${kh} × ${kw} kernel for each of ${parts.length} maps before it: ${parts.length} × ${kh * kw} = ${parts.length * kh * kw} products. All are added up, plus the bias.`);
}

function sum(parts, offset, value, own) {
  const products = parts.reduce((s, part) => s + part.sum, 0);
  const formula = parts.length <= 4
    ? `${parts.map((part) => exact(part.sum)).join(" + ")} + bias ${exact(offset)}`
    : `Σ over ${parts.length} maps ${exact(products)} + bias ${exact(offset)}`;
  return total(formula.replaceAll("+ −", "− "), value, own);
}

const tooLarge = (own) => ({
  value: own,
  nodes: [words("This layer has more weights than the page loads, so only its result is shown."), total("value", own)],
});
