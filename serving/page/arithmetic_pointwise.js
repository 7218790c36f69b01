// Units that come from one number or one small window: input, non-linearity, pooling.

import { greatest } from "./colour.js";
import { windowAt } from "./field.js";
import { valueAt } from "./layers.js";
import { exact, short } from "./numbers.js";
import { grid, total, words } from "./spelled.js";

/** (pixel ÷ 255 − mean) ÷ deviation; a scaled-up picture is interpolated first. */
export function input({ item, unit, own, pixels, shape }) {
  const mean = item.mean?.[unit.map] ?? 0;
  const deviation = item.std?.[unit.map] ?? 1;
  const scale = item.scale ?? 1;
  const pixel = pixelAt(item, unit, pixels, shape);
  const value = (pixel / 255 - mean) / deviation;
  const [, height, width] = shape;
  const [top = 0, left = 0] = item.pad ?? [];
  const outside = unit.row < top || unit.column < left || unit.row >= top + height * scale || unit.column >= left + width * scale;
  return {
    value,
    nodes: [
      words(`${outside ? "This square is padding around the picture: pixel value 0." : scale > 1 ? `The picture is enlarged ${scale} times; here it has the value ${Number(pixel.toFixed(2))} of 255.` : `The pixel here has the value ${pixel} of 255.`} Divided by 255 it lies between 0 and 1; then the mean of the training pixels is subtracted, and the result is divided by their standard deviation, so that the inputs are centred on zero.`),
      total(`(${Number(pixel.toFixed(2))} ÷ 255 − ${exact(mean)}) ÷ ${exact(deviation)}`, value, own),
    ],
  };
}

/** The pixel under a square of the canvas; between pixels of an enlarged picture, their blend. */
function pixelAt(item, { map, row, column }, pixels, [, height, width]) {
  const scale = item.scale ?? 1;
  const [top = 0, left = 0] = item.pad ?? [];
  const [y, x] = [row - top, column - left];
  if (y < 0 || x < 0 || y >= height * scale || x >= width * scale) return 0;
  const split = (place, size) => {
    const from = Math.max(0, (place + 0.5) / scale - 0.5); // centres of squares, as torch has them
    const first = Math.floor(from);
    return [first, Math.min(first + 1, size - 1), from - first];
  };
  const [y0, y1, down] = split(y, height);
  const [x0, x1, right] = split(x, width);
  const at = (r, c) => pixels[(map * height + r) * width + c];
  const across = (r) => at(r, x0) * (1 - right) + at(r, x1) * right;
  return across(y0) * (1 - down) + across(y1) * down;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Error function (Abramowitz and Stegun 7.1.26, error below 2e-7). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

const FUNCTIONS = {
  relu: [(x) => Math.max(0, x), (x) => `max(0, ${x})`, "ReLU keeps positive values and sets negative ones to zero. Without a non-linearity, several layers could compute no more than one."],
  tanh: [Math.tanh, (x) => `tanh(${x})`, "The hyperbolic tangent maps every number into −1 to 1."],
  sigmoid: [sigmoid, (x) => `1 ÷ (1 + e^−(${x}))`, "The sigmoid maps every number into 0 to 1."],
  gelu: [(x) => (x * (1 + erf(x / Math.SQRT2))) / 2, (x) => `${x} × Φ(${x})`, "GELU multiplies each number by the probability that a standard normal variable is below it."],
  silu: [(x) => x * sigmoid(x), (x) => `${x} × sigmoid(${x})`, "SiLU multiplies each number by its own sigmoid."],
};

export function nonlinearity(scene) {
  const known = FUNCTIONS[scene.item.function];
  if (!known) return other(scene);
  const [apply, write, why] = known;
  const x = valueAt(scene.before, scene.values, scene.unit);
  const value = apply(x);
  return { value, nodes: [words(why), total(write(exact(x)), value, scene.own)] };
}

export function pooling({ item, before, unit, own, values }) {
  const box = windowAt(item, unit.row, unit.column);
  const found = [];
  for (let row = box.top; row <= box.bottom; row += 1) {
    for (let column = box.left; column <= box.right; column += 1) {
      const inside = row >= 0 && column >= 0 && row < before.height && column < before.width;
      found.push(inside ? valueAt(before, values, { map: unit.map, row, column }) : NaN);
    }
  }
  const real = found.filter((x) => !Number.isNaN(x));
  const sum = real.reduce((a, b) => a + b, 0);
  const ways = {
    max: [Math.max(...real), "The largest number of the window is kept; its exact position is not, so a small shift changes little.", `max(${real.map(short).join(", ")})`],
    average: [sum / found.length, "The mean of the window is kept.", `(${real.map(short).join(" + ")}) ÷ ${found.length}`],
    sum: [sum, "The sum of the window is kept.", real.map(short).join(" + ")],
  };
  const [value, why, formula] = ways[item.function] ?? ways.max;
  const shown = found.map((x) => (Number.isNaN(x) ? 0 : x));
  const win = item.function === "max" ? found.indexOf(value) : -1;
  const text = real.length <= 9 ? formula.replaceAll("+ −", "− ") : `${item.function} of ${real.length} numbers`;
  return {
    value,
    nodes: [words(`A window of ${item.kernel.join(" × ")} on the same map of the layer before. ${why}`), grid(shown, item.kernel[1], { most: greatest(values.data), win, label: "Window" }), total(text, value, own)],
  };
}

/** A kind that this page cannot spell out: its value, and what it is made from. */
export function other({ item, own, why }) {
  const from = item.inputs.length ? `It is computed from ${item.inputs.join(" and ")}.` : "";
  const what = item.what ? ` (${item.what})` : "";
  return { value: own, nodes: [words(`The server computed this value${what}. ${why ?? from}`), total("value", own)] };
}
