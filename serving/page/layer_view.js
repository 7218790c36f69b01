// One layer, drawn: a canvas for each feature map, or one strip of cells for a row of units.

import { greatest } from "./colour.js";
import { h } from "./dom.js";
import { describe } from "./layer_words.js";
import { mapName } from "./layers.js";
import { exact, short } from "./numbers.js";
import { drawValues } from "./raster.js";

const MAPS = 16; // shown at first, and added by each press of the button
const ROW = 40; // cells of one row of a strip
const UNITS = 600; // cells of a strip at most
const LABELS = 20; // classes whose names fit below their cells

function cellSize(item) {
  if (!item.isMaps) return item.size <= 20 ? 44 : 11;
  const across = item.maps === 1 ? 176 : 70;
  return Math.max(0.25, Math.min(12, across / Math.max(item.width, item.height)));
}

export class LayerView {
  constructor(item, layers, { first }) {
    this.item = item;
    this.values = null;
    const rows = item.isMaps ? item.height : Math.ceil(Math.min(item.size, UNITS) / ROW);
    this.columns = item.isMaps ? item.width : Math.ceil(Math.min(item.size, UNITS) / rows);
    this.rows = rows;
    this.figures = [];
    this.low = h("span");
    this.high = h("span");
    this.readout = h("output", { class: "readout" });
    this.board = h("div", { class: item.isMaps ? "maps" : "strip-maps", tabindex: "0", role: "group", "aria-roledescription": "feature maps", "aria-label": `${item.name}: arrow keys choose a unit` });
    this.more = h("button", { type: "button", class: "more", hidden: true, onclick: () => this.add() });
    this.element = h("section", { class: `layer ${item.kind}`, data: { layer: item.name } },
      h("div", { class: "about" }, ...describe(item, layers, first)),
      h("div", { class: "drawn" }, this.board, this.more,
        h("div", { class: "under" }, h("div", { class: "key", "aria-hidden": "true" }, this.low, h("i"), this.high), this.readout)));
    this.labels = item.size <= LABELS ? item.classes : null;
    this.add();
  }

  /** The next maps, each with frames for the chosen unit and for a receptive field. */
  add() {
    const upTo = Math.min(this.item.maps, this.figures.length + MAPS);
    const size = cellSize(this.item);
    for (let map = this.figures.length; map < upTo; map += 1) {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const field = h("i", { class: "field", hidden: true });
      const unit = h("i", { class: "unit", hidden: true });
      const frame = h("div", { class: "map", data: { map: String(map), ...(this.item.colours ? { name: mapName(this.item, map) } : {}) }, style: { width: `${Math.round(this.columns * size)}px`, "aspect-ratio": `${this.columns} / ${this.rows}` } }, canvas, field, unit);
      this.board.append(frame);
      this.figures.push({ canvas, field, unit, frame });
    }
    if (this.labels && !this.board.querySelector(".labels")) {
      this.board.append(h("div", { class: "labels", "aria-hidden": "true", style: { width: `${this.columns * size}px` } }, this.labels.map((label) => h("span", {}, label))));
    }
    const left = this.item.maps - upTo;
    this.more.hidden = left === 0;
    this.more.textContent = `Show ${Math.min(MAPS, left)} more of ${this.item.maps} maps`;
    if (this.values) this.draw();
  }

  show(values) {
    this.values = values;
    this.draw();
  }

  draw() {
    const { data } = this.values;
    this.most = greatest(data);
    const each = this.item.height * this.item.width;
    this.figures.forEach(({ canvas }, map) => drawValues(canvas, data, {
      start: map * each, width: this.columns, height: this.rows, most: this.most,
      count: Math.min(this.columns * this.rows, each),
    }));
    this.low.textContent = short(-this.most);
    this.high.textContent = short(this.most);
  }

  /** The unit under a pointer event's position, or null. */
  unitUnder(event) {
    const frame = event.target.closest?.(".map");
    if (!frame) return null;
    const box = frame.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) * this.columns) / box.width);
    const row = Math.floor(((event.clientY - box.top) * this.rows) / box.height);
    if (row < 0 || column < 0 || row >= this.rows || column >= this.columns) return null;
    if (this.item.isMaps) return { map: Number(frame.dataset.map), row, column };
    const index = row * this.columns + column;
    return index < this.item.size ? { map: 0, row: 0, column: index } : null;
  }

  /** Keyboard: `[rows, columns]` from `unit`, on the drawn grid. */
  moved(unit, [down, right]) {
    const clamp = (value, most) => Math.max(0, Math.min(most, value));
    if (this.item.isMaps) {
      return { ...unit, row: clamp(unit.row + down, this.rows - 1), column: clamp(unit.column + right, this.columns - 1) };
    }
    const index = unit.column + right + down * this.columns;
    return index < 0 || index >= Math.min(this.item.size, UNITS) ? unit : { ...unit, column: index };
  }

  /** Frame a unit; null takes the frame away. */
  markUnit(unit, text = "") {
    this.readout.textContent = text;
    if (unit) while (unit.map >= this.figures.length) this.add();
    this.figures.forEach(({ unit: mark }, map) => {
      mark.hidden = !unit || unit.map !== map;
      if (!mark.hidden) this.place(mark, this.boxOf(unit));
    });
  }

  /** Frame what a later unit sees here; `near`: its direct source. */
  markField(box, near = false) {
    this.figures.forEach(({ field }, map) => {
      field.hidden = !box || map < box.maps[0] || map > box.maps[1];
      field.classList.toggle("near", near);
      if (!field.hidden) this.place(field, this.item.isMaps || box.left === box.right ? this.wrapped(box) : { top: 0, left: 0, bottom: this.rows - 1, right: this.columns - 1 });
    });
  }

  wrapped(box) {
    return this.item.isMaps ? box : this.boxOf({ column: box.left });
  }

  boxOf({ row, column }) {
    if (this.item.isMaps) return { top: row, left: column, bottom: row, right: column };
    const [y, x] = [Math.floor(column / this.columns), column % this.columns];
    return { top: y, left: x, bottom: y, right: x };
  }

  place(mark, { top, left, bottom, right }) {
    const share = (value, all) => `${(100 * value) / all}%`;
    mark.style.setProperty("left", share(left, this.columns));
    mark.style.setProperty("top", share(top, this.rows));
    mark.style.setProperty("width", share(right - left + 1, this.columns));
    mark.style.setProperty("height", share(bottom - top + 1, this.rows));
  }
}

export const valueWords = (place, value) => `${place}: ${exact(value)}`;
