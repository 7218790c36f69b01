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
  const { item, own } = scene;
  const explain = scene.values || item.kind === "input" ? KINDS[item.kind] : null;
  const found = (explain ?? other)(scene);
  const agrees = Math.abs(found.value - own) <= 1e-2 * Math.max(1, Math.abs(own));
  return agrees ? found : other({ ...scene, why: "What goes into this layer is not among the layers shown, so its sum cannot be written out." });
}
