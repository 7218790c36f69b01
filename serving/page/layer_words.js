// What each kind of layer does, in words with its own numbers filled in.

import { h } from "./dom.js";
import { grouped, plural } from "./numbers.js";

export const KIND_NAMES = {
  input: "input", convolution: "convolution", nonlinearity: "non-linearity", pooling: "pooling",
  fully_connected: "fully connected", softmax: "softmax", other: "other",
};

const POOLED = { max: "the largest value", average: "the mean", sum: "the sum" };

const FIRST = {
  input: (item) => `The picture as numbers, shifted and scaled so that the mean of the training pixels is zero${item.colours ? ", for red, green and blue each" : ""}.${item.pad?.some(Boolean) ? " The margin around it gives the first filters room." : ""}`,
  convolution: (item) => `Each of ${plural(item.maps, "filter")} slides over the maps before it and computes, at every position, how well they match the filter. One filter gives one feature map.`,
  nonlinearity: (item) => `A fixed function of one number, applied to every value alone.${item.function === "relu" ? " ReLU sets what is negative to zero; the result is called a rectified map." : ""}`,
  pooling: (item) => `Each map becomes smaller: ${POOLED[item.function] ?? "one number"} of each window remains. That is less to compute, and small shifts of the picture change less.`,
  fully_connected: (item) => `Each of the ${plural(item.size, "unit")} has a weight for every value of the layer before, so it combines features from the whole picture.`,
  softmax: () => "Scores become probabilities: all positive, with a sum of 1. The greatest is the prediction.",
  other: () => "A step that is none of the kinds above, such as normalising, or adding two paths.",
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
      `${item.maps} × (${before.maps / item.groups} × ${item.kernel.join(" × ")} + 1) = ${grouped(item.maps * (each + 1))} parameters`,
    ];
  }
  if (item.kind === "pooling") return [`${item.function} of ${item.kernel.join(" × ")}, stride ${item.stride[0]}`];
  if (item.kind === "nonlinearity") return [item.function];
  if (item.kind === "fully_connected") return [`${grouped(item.size)} × (${grouped(before.size)} + 1) = ${grouped(item.size * (before.size + 1))} parameters`];
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
