// One unit, spelled out: dispatches to the kind of its layer.

import { convolution } from "./arithmetic_convolution.js";
import { fullyConnected, softmax } from "./arithmetic_dense.js";
import { input, nonlinearity, other, pooling } from "./arithmetic_pointwise.js";

const KINDS = { input, convolution, nonlinearity, pooling, fully_connected: fullyConnected, softmax };

/**
 * `scene`: { item, before, unit, own, values, weight, bias, classes, pixels, shape }, the last
 * of them what the layer needs; returns { value, nodes }: what the page itself computed, and
 * what to show.
 */
export function spellOut(scene) {
  const explain = (scene.values || scene.item.kind === "input") ? KINDS[scene.item.kind] : null;
  return (explain ?? other)(scene);
}
