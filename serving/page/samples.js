// The samples that come with the model: a strip of small pictures to choose from.

import { h, replace } from "./dom.js";
import { drawPixels } from "./raster.js";
import { bytes } from "./tensors.js";

/** [{ index, pixels: Uint8Array, label: class name }] */
export function samplesOf(model) {
  const all = bytes(model.golden.images);
  const size = model.image_shape.reduce((a, b) => a * b);
  return model.golden.labels.map((label, index) => ({
    index,
    label: model.classes[label],
    pixels: all.slice(index * size, (index + 1) * size),
  })).filter(({ pixels }) => pixels.length === size);
}

export class Samples {
  constructor(strip, model, choose) {
    this.all = samplesOf(model);
    this.buttons = this.all.map((sample) => {
      const canvas = h("canvas");
      drawPixels(canvas, sample.pixels, model.image_shape);
      const name = `Sample ${sample.index + 1}: class ${sample.label}`;
      return h("button", { type: "button", class: "sample", "aria-label": name, title: name, "aria-pressed": "false", onclick: () => choose(sample) }, canvas);
    });
    replace(strip, this.buttons);
  }

  mark(index) {
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
  }
}
