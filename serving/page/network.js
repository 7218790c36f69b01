// All layers in order, and the unit that is pointed at: by pointer, finger or keyboard.

import { h, replace } from "./dom.js";
import { fields } from "./field.js";
import { LayerView, valueWords } from "./layer_view.js";
import { placeWords, valueAt } from "./layers.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Network {
  /** `selected(unit | null)` hears of the unit; `bring(names)` sees to their values. */
  constructor(host, { selected, bring }) {
    this.host = host;
    this.selected = selected;
    this.bring = bring;
    this.views = new Map();
    this.unit = null; // { layer, map, row, column }
    this.held = false;
    this.near = new Set(); // names of layers on or near the screen
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "400px" });
    host.addEventListener("pointermove", (event) => this.point(event, false));
    host.addEventListener("click", (event) => this.point(event, true));
    host.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.release());
  }

  build(layers) {
    this.observer.disconnect();
    this.layers = layers;
    this.unit = null;
    this.held = false;
    const kinds = new Set();
    this.views = new Map([...layers].map(([name, item]) => {
      const first = !kinds.has(item.kind);
      kinds.add(item.kind);
      return [name, new LayerView(item, layers, { first })];
    }));
    replace(this.host, [...this.views.values()].map((view) => view.element));
    for (const view of this.views.values()) this.observer.observe(view.element);
  }

  absent(text) {
    this.views = new Map();
    replace(this.host, h("p", { class: "notice" }, text));
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.near.add(target.dataset.layer);
      else this.near.delete(target.dataset.layer);
    }
    this.bring();
  }

  /** Layers whose values are of use now. */
  get wanted() {
    const item = this.unit && this.layers.get(this.unit.layer);
    return [...this.near, ...(item ? [item.name, ...item.inputs] : [])].filter((name) => this.layers?.has(name));
  }

  show(values) {
    this.values = values;
    for (const [name, view] of this.views) if (values.has(name)) view.show(values.get(name));
    if (this.unit) this.mark();
  }

  /** The frame around the unit. */
  markOf({ layer, map }) {
    return this.views.get(layer).figures[map].unit;
  }

  viewOf(event) {
    const section = event.target.closest?.("[data-layer]");
    return section ? this.views.get(section.dataset.layer) : null;
  }

  point(event, hold) {
    if (!hold && (this.held || event.pointerType === "touch")) return; // a finger that moves scrolls
    const view = this.viewOf(event);
    const unit = view?.unitUnder(event);
    if (!unit) return;
    if (hold) this.held = true;
    this.choose({ layer: view.item.name, ...unit });
  }

  key(event) {
    const view = this.viewOf(event);
    if (!view || !event.target.matches(".maps, .strip-maps")) return;
    const here = this.unit?.layer === view.item.name ? this.unit : null;
    const start = { layer: view.item.name, map: 0, row: view.item.height >> 1, column: view.item.isMaps ? view.item.width >> 1 : 0 };
    let unit = null;
    if (event.key in MOVES) unit = here ? view.moved(here, MOVES[event.key]) : start;
    else if (event.key === "]" || event.key === "[") {
      const step = event.key === "]" ? 1 : -1;
      unit = here ? { ...here, map: (here.map + step + view.item.maps) % view.item.maps } : start;
    } else if (event.key === "Enter" || event.key === " ") unit = here ?? start;
    if (!unit) return;
    event.preventDefault();
    this.held = event.key === "Enter" || event.key === " " || this.held;
    this.choose(unit);
  }

  choose(unit) {
    const same = this.unit && ["layer", "map", "row", "column"].every((key) => this.unit[key] === unit[key]);
    this.unit = unit;
    this.host.classList.toggle("held", this.held);
    if (same) return;
    this.mark();
    this.selected(unit);
  }

  release() {
    this.held = false;
    this.host.classList.remove("held");
  }

  close() {
    this.release();
    this.unit = null;
    for (const view of this.views.values()) {
      view.markUnit(null);
      view.markField(null);
    }
    this.selected(null);
  }

  mark() {
    const { layer, ...place } = this.unit;
    const item = this.layers.get(layer);
    const boxes = fields(this.layers, layer, place);
    const values = this.values?.get(layer);
    const text = values ? valueWords(placeWords(item, place), valueAt(item, values, place)) : "";
    for (const [name, view] of this.views) {
      view.markUnit(name === layer ? place : null, name === layer ? text : "");
      view.markField(name === layer ? null : boxes.get(name) ?? null, item.inputs.includes(name));
    }
  }
}
