// The learned filters: one small picture per filter, and the numbers of the chosen one.

import { greatest } from "./colour.js";
import { h, replace } from "./dom.js";
import { sourceMaps } from "./field.js";
import { mapName } from "./layers.js";
import { exact, plural } from "./numbers.js";
import { drawPixels, drawValues } from "./raster.js";
import { grid } from "./spelled.js";

const LAYERS = 3; // convolutions shown one below the other; more go into a list to choose from
const FILTERS = 64; // of one layer at most
const KERNELS = 32; // of one filter with numbers

export class Filters {
  constructor(host) {
    this.host = host;
  }

  build(layers, activations) {
    this.activations = activations;
    this.layers = layers;
    const all = [...layers.values()].filter((item) => item.kind === "convolution");
    if (!all.length) {
      replace(this.host, h("p", { class: "notice" }, "This net has no convolution whose filters could be shown."));
    } else if (all.length <= LAYERS) {
      replace(this.host, all.map((item) => this.block(item)));
    } else {
      const place = h("div");
      const choose = h("select", { "aria-label": "Convolution", onchange: () => replace(place, this.block(all[choose.selectedIndex])) }, all.map((item) => h("option", {}, item.name)));
      replace(this.host, h("p", {}, h("label", {}, `One of ${all.length} convolutions: `, choose)), place);
      replace(place, this.block(all[0]));
    }
  }

  block(item) {
    const strip = h("div", { class: "filters", role: "group", "aria-label": `Filters of ${item.name}` });
    const detail = h("div", { class: "kernel-detail" });
    const note = this.inColour(item) ? h("p", { class: "fine" }, "This layer reads red, green and blue, so each filter is a small colour picture: grey is zero, and a colour is what the filter responds to.") : null;
    const block = h("div", { class: "filter-block", data: { filters: item.name } }, h("h3", {}, item.name, h("small", {}, plural(item.maps, "filter"))), note ?? [], strip, detail);
    this.fill(item, strip, detail).catch((error) => replace(detail, h("p", { class: "notice" }, error.message)));
    return block;
  }

  /** Each filter of the layer is a patch of red, green and blue. */
  inColour(item) {
    return Boolean(this.layers.get(item.inputs[0])?.colours) && item.groups === 1;
  }

  async fill(item, strip, detail) {
    const { weight, bias } = await this.activations.parameters(item);
    if (!weight) {
      replace(detail, h("p", { class: "fine" }, "These filters have more weights than the page loads."));
      return;
    }
    const most = greatest(weight.data);
    const choose = (index) => {
      [...strip.children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
      replace(detail, this.numbers(item, weight, bias, index, most));
    };
    const shown = Math.min(item.maps, FILTERS);
    replace(strip, Array.from({ length: shown }, (_, index) => {
      const canvas = h("canvas");
      if (this.inColour(item)) patch(canvas, weight, index);
      else montage(canvas, weight, index, most);
      return h("button", { type: "button", class: "filter", "aria-pressed": "false", "aria-label": `Filter ${index + 1}`, onclick: () => choose(index) }, canvas, h("span", {}, String(index + 1)));
    }));
    choose(0);
  }

  numbers(item, weight, bias, index, most) {
    const [, each, kh, kw] = weight.shape;
    const shown = Math.min(each, KERNELS);
    const before = this.layers.get(item.inputs[0]);
    const [first] = sourceMaps(item, before, index);
    const kernels = Array.from({ length: shown }, (_, map) => {
      const at = (index * each + map) * kh * kw;
      return h("figure", {}, grid(weight.data.subarray(at, at + kh * kw), kw, { most, label: `Kernel for ${mapName(before, first + map)}` }), h("figcaption", {}, before.maps === 1 ? "for the only map before it" : `for ${mapName(before, first + map)}`));
    });
    const b = bias ? `, bias ${exact(bias.data[index])}` : "";
    const rest = each > shown ? ` The first ${shown} are shown.` : "";
    return [h("p", { class: "fine" }, `Filter ${index + 1}: ${plural(each, "kernel")} of ${kh} × ${kw}${b}.${rest}`), h("div", { class: "kernels" }, kernels)];
  }
}

/** One filter over red, green and blue as a colour picture, grey where it is zero. */
function patch(canvas, weight, index) {
  const [, each, kh, kw] = weight.shape;
  const kernel = weight.data.subarray(index * each * kh * kw, (index + 1) * each * kh * kw);
  const most = greatest(kernel) || 1;
  drawPixels(canvas, Uint8ClampedArray.from(kernel, (x) => 127.5 + (127.5 * x) / most), [each, kh, kw]);
}

/** All kernels of one filter side by side, a clear pixel between them. */
function montage(canvas, weight, index, most) {
  const [, each, kh, kw] = weight.shape;
  const across = Math.ceil(Math.sqrt(each));
  const down = Math.ceil(each / across);
  const [width, height] = [across * (kw + 1) - 1, down * (kh + 1) - 1];
  const data = new Float32Array(width * height).fill(NaN);
  for (let map = 0; map < each; map += 1) {
    const [top, left] = [Math.floor(map / across) * (kh + 1), (map % across) * (kw + 1)];
    for (let i = 0; i < kh * kw; i += 1) {
      data[(top + Math.floor(i / kw)) * width + left + (i % kw)] = weight.data[(index * each + map) * kh * kw + i];
    }
  }
  drawValues(canvas, data, { width, height, most });
}
