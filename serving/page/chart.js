// A small line chart as SVG: a few lines over the epochs, with ticks that people can read.

import { svg } from "./dom.js";

const [WIDTH, HEIGHT] = [360, 190];
const MARGIN = { top: 14, right: 12, bottom: 26, left: 44 };

/** About four round numbers from `low` to `high`. */
function ticks(low, high) {
  const raw = (high - low || Math.abs(high) || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= raw);
  const found = [];
  for (let x = Math.ceil(low / step) * step; x <= high + step / 1e6; x += step) found.push(x);
  return found;
}

const tickText = (x) => (x !== 0 && Math.abs(x) < 0.001 ? x.toExponential(0) : String(Number(x.toPrecision(3))));

/** `lines`: [{ name, values (null: none), style }]; `x`: one number per value. */
export function chart({ label, x, lines, mark = null }) {
  const known = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [first, last] = [x[0], x.at(-1)];
  const px = (value) => MARGIN.left + ((value - first) / (last - first || 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const py = (value) => HEIGHT - MARGIN.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "chart" });
  for (const value of ticks(low, high)) {
    const text = svg("text", { x: MARGIN.left - 6, y: py(value) + 4, class: "y" });
    text.textContent = tickText(value);
    root.append(svg("line", { x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: py(value), y2: py(value), class: "rule" }), text);
  }
  for (const value of ticks(first, last).filter(Number.isInteger)) {
    const text = svg("text", { x: px(value), y: HEIGHT - 8, class: "x" });
    text.textContent = String(value);
    root.append(text);
  }
  for (const { values, style } of lines) {
    const points = values.map((value, i) => (value === null ? null : `${px(x[i]).toFixed(1)},${py(value).toFixed(1)}`)).filter(Boolean);
    root.append(svg("polyline", { points: points.join(" "), class: style }));
    if (points.length === 1) root.append(svg("circle", { cx: points[0].split(",")[0], cy: points[0].split(",")[1], r: 3, class: style }));
  }
  if (mark !== null) root.append(svg("line", { x1: px(mark), x2: px(mark), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, class: "mark" }));
  return root;
}
