// Everything that looks into one model: its layers, the chosen unit, its filters.

import { Activations } from "./activations.js";
import { find } from "./dom.js";
import { Filters } from "./filters.js";
import { Inspector } from "./inspector.js";
import { layersOf } from "./layers.js";
import { Network } from "./network.js";

export class Inside {
  constructor({ failed }) {
    this.failed = failed;
    this.activations = null;
    this.result = null;
    this.network = new Network(find("#layers"), { selected: (unit) => this.selected(unit), bring: () => this.guard(this.bring()) });
    this.inspector = new Inspector(find("#inspector"), { closed: () => this.network.close() });
    this.filters = new Filters(find("#kernels"));
  }

  guard(promise) {
    promise.catch((error) => this.failed(error));
  }

  build(model) {
    this.model = model;
    this.result = null;
    this.inspector.clear();
    this.activations = null;
    find("#inspector").hidden = find("#filters").hidden = !model.layers;
    if (!model.layers) {
      this.network.absent(`The layers cannot be shown: ${model.absent}`);
      return;
    }
    this.layers = layersOf(model.layers, model.classes);
    this.activations = new Activations(model, this.layers);
    this.network.build(this.layers);
    this.filters.build(this.layers, this.activations);
  }

  selected(unit) {
    if (unit) this.inspector.uncover(this.network.markOf(unit));
    this.guard(this.spell(unit));
  }

  /** Another picture has been classified; now show how. */
  async look(result) {
    this.result = result;
    if (!this.activations) return;
    this.activations.begin(result.pixels);
    await this.bring();
  }

  async bring() {
    const { activations, network } = this;
    if (!activations?.pixels) return;
    const input = this.inputLayer;
    const wanted = [...network.wanted, ...(input ? [input.name] : [])];
    if (!(await activations.need(wanted)) || activations !== this.activations) return;
    network.show(activations.values);
    if (input) this.inspector.showInput(input, activations.values.get(input.name));
    if (network.unit) await this.spell(network.unit);
  }

  get inputLayer() {
    return [...this.layers.values()].find((item) => item.kind === "input");
  }

  /** Bring what the unit's sum needs, then write it out. */
  async spell(unit) {
    if (!unit) {
      this.inspector.clear();
      return;
    }
    const { activations, model } = this;
    const item = this.layers.get(unit.layer);
    if (!activations.pixels || !(await activations.need([item.name, ...item.inputs.filter((name) => this.layers.has(name))]))) return;
    const { weight, bias } = await activations.parameters(item);
    if (activations !== this.activations || this.network.unit !== unit) return;
    const before = this.layers.get(item.inputs[0]);
    this.inspector.show(this.layers, unit, {
      item, before, weight, bias,
      ownValues: activations.values.get(item.name),
      values: before && activations.values.get(before.name),
      classes: model.classes, pixels: activations.pixels, shape: model.image_shape,
    });
  }

  redraw() {
    for (const view of this.network.views.values()) if (view.values) view.draw();
    if (this.activations) {
      this.filters.build(this.layers, this.activations);
      const input = this.inputLayer;
      if (input) this.inspector.showInput(input, this.activations.values.get(input.name));
    }
  }
}
