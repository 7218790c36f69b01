// The panel beside the layers: the chosen unit's receptive field and its arithmetic.

import { spellOut } from "./arithmetic.js";
import { greatest } from "./colour.js";
import { find, h, replace } from "./dom.js";
import { fields } from "./field.js";
import { KIND_NAMES } from "./layer_words.js";
import { placeWords, valueAt } from "./layers.js";
import { exact } from "./numbers.js";
import { drawPixels, drawValues } from "./raster.js";

const AROUND = 28; // px kept free above and below the unit

/** Input values back to the scale of pixels, 0 to 255. */
function pictured({ mean, std, height, width }, data) {
  const channel = (i) => Math.floor(i / (height * width));
  return Uint8ClampedArray.from(data, (x, i) => 255 * (x * std[channel(i)] + mean[channel(i)]));
}

export class Inspector {
  constructor(element, { closed }) {
    this.element = element;
    this.title = find("#unit-title");
    this.sum = find("#arithmetic");
    this.canvas = find("#field-input");
    this.frame = h("i", { class: "field near", hidden: true });
    this.canvas.after(this.frame);
    this.canvas.parentElement.prepend(h("div", { class: "map mini" }, this.canvas, this.frame));
    find("#unpin").addEventListener("click", closed);
  }

  /** The input as the first layer has it, small: a picture in colour where it has colours. */
  showInput(item, values) {
    if (!values) return;
    if (item.colours) drawPixels(this.canvas, pictured(item, values.data), [item.maps, item.height, item.width]);
    else drawValues(this.canvas, values.data, { width: item.width, height: item.height, most: greatest(values.data) });
  }

  clear() {
    this.element.classList.remove("open");
    this.frame.hidden = true;
    this.title.textContent = "One unit, written out";
    delete this.sum.dataset.value;
    replace(this.sum, h("p", { class: "fine" }, "Point at a square in any layer. Click to pin it."));
  }

  /** Scroll where the panel lies over the page, on a phone, until it leaves `mark` free. */
  uncover(mark) {
    if (getComputedStyle(this.element).position !== "fixed") return;
    const top = find(".bar").getBoundingClientRect().bottom + AROUND;
    const bottom = innerHeight - this.element.offsetHeight - AROUND;
    const box = mark.getBoundingClientRect();
    if (box.top < top || box.bottom > bottom) scrollBy({ top: (box.top + box.bottom - top - bottom) / 2 });
  }

  /** `unit` of `item`, with what `scene` holds of values, weights, classes and pixels. */
  show(layers, unit, scene) {
    const { item } = scene;
    const own = valueAt(item, scene.ownValues, unit);
    const { value, nodes } = spellOut({ ...scene, unit, own });
    const kind = KIND_NAMES[item.kind] ?? item.kind;
    const scroll = this.sum.scrollTop;
    replace(this.title, item.name, h("small", {}, `${kind} · ${placeWords(item, unit)}`));
    replace(this.sum, nodes);
    this.sum.scrollTop = scroll;
    Object.assign(this.sum.dataset, { value: String(value), layer: item.name, map: unit.map, row: unit.row, column: unit.column });
    find("#spoken").textContent = `${item.name}, ${placeWords(item, unit)}: ${exact(value)}`;
    this.element.classList.add("open");
    this.markInput(layers, unit);
  }

  markInput(layers, unit) {
    const input = [...layers.values()].find((item) => item.kind === "input");
    const box = input && fields(layers, unit.layer, unit).get(input.name);
    this.frame.hidden = !box;
    if (!box) return;
    const share = (value, all) => `${(100 * value) / all}%`;
    this.frame.style.setProperty("left", share(box.left, input.width));
    this.frame.style.setProperty("top", share(box.top, input.height));
    this.frame.style.setProperty("width", share(box.right - box.left + 1, input.width));
    this.frame.style.setProperty("height", share(box.bottom - box.top + 1, input.height));
    const [high, wide] = [box.bottom - box.top + 1, box.right - box.left + 1];
    find("#field-words").textContent = `This unit depends on ${high} × ${wide} of the input’s ${input.height} × ${input.width} numbers${input.maps > 1 ? `, in ${input.maps} channels` : ""}: its receptive field.`;
  }
}
