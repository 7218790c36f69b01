// What each kind of layer does, in words with its own numbers filled in.

import { h } from "./dom.js";
import { grouped, plural } from "./numbers.js";

export const KIND_NAMES = {
  input: "input", convolution: "convolution", nonlinearity: "non-linearity", pooling: "pooling",
  fully_connected: "fully connected", softmax: "softmax", other: "other",
};

const FIRST = {
  input: () => "The picture as numbers, shifted and scaled so that an average training pixel is zero. There may be a margin around it, to give the first filters room.",
  convolution: (item) => `Each of ${plural(item.maps, "filter")} slides over the maps before it and writes down, at every stop, how well the picture matches. One filter makes one feature map.`,
  nonlinearity: () => "A simple bend, applied to every number alone. What comes out is a rectified map: only where something was found does it stay bright.",
  pooling: () => "Every map shrinks: of each small window one number remains. Less to compute, and the exact position matters less.",
  fully_connected: (item) => `Here positions end: each of the ${plural(item.size, "unit")} looks at all numbers before it, with weights of its own, and learns which combinations of features mean what.`,
  softmax: () => "Scores become probabilities: all positive, together one. The brightest is the answer.",
  other: () => "A step of this net that is none of the usual kinds, such as normalising, or adding two paths.",
};

export const shapeWords = (item) =>
  item.isMaps ? `${plural(item.maps, "map")} of ${item.height} × ${item.width}` : plural(item.size, "unit");

/** (28 − 5 + 2·0) / 1 + 1 = 24, where a window makes the size. */
export function sizeFormula(size, kernel, padding, stride) {
  const result = Math.floor((size - kernel + 2 * padding) / stride) + 1;
  const even = (size - kernel + 2 * padding) % stride === 0;
  const inner = `(${size} − ${kernel} + 2·${padding}) ÷ ${stride}`;
  return `${even ? inner : `⌊${inner}⌋`} + 1 = ${result}`;
}

function facts(item, layers) {
  const before = layers.get(item.inputs[0]);
  if (!before) return [];
  if (item.kind === "convolution") {
    const each = (before.maps / item.groups) * item.kernel[0] * item.kernel[1];
    return [
      `kernel ${item.kernel.join(" × ")}, stride ${item.stride[0]}, padding ${item.padding[0]}`,
      item.dilation[0] === 1 ? `${sizeFormula(before.height, item.kernel[0], item.padding[0], item.stride[0])}` : null,
      `${item.maps} × (${before.maps / item.groups} × ${item.kernel.join(" × ")} + 1) = ${grouped(item.maps * (each + 1))} weights`,
    ];
  }
  if (item.kind === "pooling") return [`${item.function} of ${item.kernel.join(" × ")}, stride ${item.stride[0]}`];
  if (item.kind === "nonlinearity") return [item.function];
  if (item.kind === "fully_connected") return [`${grouped(item.size)} × (${grouped(before.size)} + 1) = ${grouped(item.size * (before.size + 1))} weights`];
  if (item.kind === "other") return [item.what, `from ${item.inputs.join(" and ")}`];
  return [];
}

/** Heading of a layer; `first`: nothing of its kind came before, so it is explained. */
export const describe = (item, layers, first) => [
  h("h3", {}, item.name, h("small", {}, KIND_NAMES[item.kind] ?? item.kind)),
  h("p", { class: "shape" }, shapeWords(item)),
  ...facts(item, layers).filter(Boolean).map((text) => h("p", { class: "fine" }, text)),
  first ? h("p", { class: "say" }, (FIRST[item.kind] ?? FIRST.other)(item)) : null,
].filter(Boolean);
