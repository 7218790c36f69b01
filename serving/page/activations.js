// What the layers hold for the picture shown, fetched as needed; and the weights, fetched once.

import { outputs } from "./api.js";
import { weightSize } from "./layers.js";

const AT_ONCE = 1 << 20; // numbers: below it, all layers come in one reply
const LARGEST_WEIGHT = 1 << 21; // numbers a page carries for one layer
const NAMES = 200; // outputs of one request
const REPLY = 4 << 20; // numbers of one request

export class Activations {
  constructor(model, layers) {
    this.model = model;
    this.layers = layers;
    this.values = new Map(); // layer name → { shape, data } of `pixels`
    this.pixels = null;
    this.weights = new Map(); // parameter name → promise of { shape, data }
    const sizes = [...layers.values()].reduce((sum, item) => sum + item.size, 0);
    this.wholesale = sizes <= AT_ONCE;
  }

  /** Another picture: what is known of the one before stays until `need` brings the new. */
  begin(pixels) {
    this.pixels = pixels;
    this.stale = true;
  }

  /** Bring the values of these layers (all of them, in a small net). True: they are there. */
  async need(names) {
    const { pixels } = this;
    const wanted = this.wholesale ? [...this.layers.keys()] : [...new Set(names)];
    const missing = this.stale ? wanted : wanted.filter((name) => !this.values.has(name));
    if (!missing.length) return true;
    const found = new Map();
    for (const some of this.bundles(missing)) {
      const part = await outputs(this.model, pixels, some.map((name) => `activations/${name}`));
      for (const [name, value] of part) found.set(name.slice("activations/".length), value);
      if (pixels !== this.pixels) return false;
    }
    if (this.stale) this.values = new Map();
    this.stale = false;
    for (const [name, value] of found) this.values.set(name, value);
    return true;
  }

  bundles(names) {
    const bundles = [[]];
    let size = 0;
    for (const name of names) {
      size += this.layers.get(name).size;
      if (bundles.at(-1).length && (size > REPLY || bundles.at(-1).length === NAMES)) {
        bundles.push([]);
        size = this.layers.get(name).size;
      }
      bundles.at(-1).push(name);
    }
    return bundles;
  }

  /** { weight, bias } of a layer; empty where it has none, or more than a page should load. */
  async parameters(item) {
    if (!item.weight || weightSize(item, this.layers) > LARGEST_WEIGHT) return {};
    const names = [item.weight, ...(item.bias ? [item.bias] : [])];
    const [weight, bias] = await Promise.all(this.fetched(names));
    return { weight, bias };
  }

  fetched(names) {
    const missing = names.filter((name) => !this.weights.has(name));
    if (missing.length) {
      const nothing = new Uint8Array(this.model.image_shape.reduce((a, b) => a * b));
      const reply = outputs(this.model, nothing, missing);
      for (const name of missing) this.weights.set(name, reply.then((found) => found.get(name)));
      reply.catch(() => missing.forEach((name) => this.weights.delete(name)));
    }
    return names.map((name) => this.weights.get(name));
  }
}
