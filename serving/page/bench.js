// The kernel bench: any kernel on the picture, with stride and padding, as the window slides.

import { convolve, dot, patchAt } from "./convolve.js";
import { greatest } from "./colour.js";
import { find, h, replace } from "./dom.js";
import { EXAMPLE, KERNELS, parseNumber } from "./kernels.js";
import { sizeFormula } from "./layer_words.js";
import { exact } from "./numbers.js";
import { drawValues } from "./raster.js";
import { grid } from "./spelled.js";

const OWN = "Your own";
const TICK = 90; // ms between two stops of the window
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const choice = (name, options, chosen, onchange) =>
  h("label", {}, `${name} `, h("select", { id: `bench-${name.toLowerCase()}`, onchange }, options.map((text) => h("option", { selected: text === chosen }, text))));

const framed = (canvas, frame, more = {}) => h("div", { class: "map", ...more }, canvas, frame);

export class Bench {
  constructor(host) {
    this.drawing = EXAMPLE.image;
    this.kernel = KERNELS["Edge detection"][3];
    this.at = null; // { row, column } of the result that the window stands for
    this.timer = null;
    this.parts = {
      input: h("canvas", { role: "img", "aria-label": "The picture, with zeros around it where there is padding" }),
      output: h("canvas", { "aria-hidden": "true" }),
      window: h("i", { class: "field near" }), stop: h("i", { class: "unit" }),
      kernel: h("div", { class: "kernel-input", role: "group", "aria-label": "Kernel" }),
      formula: h("p", { id: "bench-formula" }), sum: h("div", { id: "bench-sum" }),
      play: h("button", { type: "button", id: "bench-play", onclick: () => this.toggle() }, "Slide"),
    };
    replace(host, this.controls(), this.stage());
    this.fillKernel();
    this.update();
  }

  controls() {
    const again = () => this.update();
    return h("div", { class: "tools bench-tools" },
      choice("Picture", ["Your picture", "5 × 5 example"], "Your picture", () => this.changePicture()),
      choice("Kernel", [...Object.keys(KERNELS), OWN], "Edge detection", () => this.takeNamed()),
      choice("Size", ["3 × 3", "5 × 5"], "3 × 3", () => this.resize()),
      choice("Stride", ["1", "2", "3"], "1", again),
      choice("Padding", ["0", "1", "2"], "0", again),
      this.parts.play, h("button", { type: "button", onclick: () => this.step() }, "One step"));
  }

  stage() {
    const p = this.parts;
    this.inputFrame = framed(p.input, p.window, { id: "bench-input" });
    this.outputFrame = framed(p.output, p.stop, { id: "bench-output", tabindex: "0", role: "group", "aria-label": "Result: arrow keys move the window", onpointermove: (event) => this.point(event), onpointerdown: (event) => this.point(event), onkeydown: (event) => this.key(event) });
    return h("div", { class: "bench" },
      h("figure", {}, h("figcaption", {}, "Picture"), this.inputFrame), h("figure", {}, h("figcaption", {}, "Kernel"), p.kernel, p.formula, p.sum),
      h("figure", {}, h("figcaption", {}, "Result"), this.outputFrame));
  }

  get side() {
    return find("#bench-size").selectedIndex ? 5 : 3;
  }

  get options() {
    return { stride: Number(find("#bench-stride").value), padding: Number(find("#bench-padding").value) };
  }

  get image() {
    return find("#bench-picture").selectedIndex ? EXAMPLE.image : this.drawing;
  }

  /** C·H·W pixels as the mean of their channels, 0 to 1. */
  follow(pixels, [channels, height, width]) {
    const data = new Float64Array(height * width);
    for (let i = 0; i < pixels.length; i += 1) data[i % data.length] += pixels[i] / 255 / channels;
    const other = width !== this.drawing.width || height !== this.drawing.height;
    this.drawing = { data, width, height };
    if (other) this.at = null;
    this.update();
  }

  changePicture() {
    if (find("#bench-picture").selectedIndex) {
      find("#bench-size").selectedIndex = 0;
      find("#bench-kernel").value = OWN;
      this.kernel = [...EXAMPLE.kernel];
      this.fillKernel();
    }
    this.update();
  }

  takeNamed() {
    const named = KERNELS[find("#bench-kernel").value];
    if (named) this.kernel = [...named[this.side]];
    this.fillKernel();
    this.update();
  }

  resize() {
    const named = KERNELS[find("#bench-kernel").value];
    this.kernel = [...(named ?? KERNELS.Identity)[this.side]];
    this.fillKernel();
    this.update();
  }

  fillKernel() {
    const { kernel } = this.parts;
    kernel.style.setProperty("--columns", String(this.side));
    replace(kernel, Array.from(this.kernel, (value, index) => h("input", {
      type: "text", inputmode: "decimal", size: "5", "aria-label": `row ${Math.floor(index / this.side) + 1}, column ${(index % this.side) + 1}`,
      value: String(Number(value.toFixed(3))), oninput: (event) => this.edit(index, event.target),
    })));
  }

  edit(index, input) {
    const value = parseNumber(input.value);
    input.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    if (!Number.isFinite(value)) return;
    this.kernel = this.kernel.with(index, value);
    find("#bench-kernel").value = OWN;
    this.update();
  }

  update() {
    this.result = convolve(this.image, this.kernel, this.options);
    const { width, height, data } = this.result;
    this.most = greatest(data);
    const { row, column } = this.at ?? this.brightest();
    this.at = { row: Math.min(row, Math.max(0, height - 1)), column: Math.min(column, Math.max(0, width - 1)) };
    this.drawInput();
    const formula = sizeFormula(this.image.height, this.side, this.options.padding, this.options.stride);
    this.parts.formula.textContent = `Result: ${formula} pixels a side`;
    this.drawOutput();
    this.markStop();
  }

  /** Where the result is strongest: a good place to begin. */
  brightest() {
    const { width, data } = this.result;
    const index = Math.max(0, data.findIndex((value) => Math.abs(value) === this.most));
    return { row: Math.floor(index / (width || 1)), column: index % (width || 1) };
  }

  drawInput() {
    const { padding } = this.options;
    const [width, height] = [this.image.width + 2 * padding, this.image.height + 2 * padding];
    const padded = new Float64Array(width * height);
    for (let i = 0; i < this.image.data.length; i += 1) {
      padded[(Math.floor(i / this.image.width) + padding) * width + (i % this.image.width) + padding] = this.image.data[i];
    }
    drawValues(this.parts.input, padded, { width, height, most: 1 });
    this.inputFrame.style.setProperty("aspect-ratio", `${width} / ${height}`);
  }

  drawOutput() {
    const { width, height, data } = this.result;
    if (!data.length) return;
    const upTo = this.timer === null ? data.length : this.at.row * width + this.at.column + 1;
    drawValues(this.parts.output, data, { width, height, most: this.most, count: upTo });
    this.outputFrame.style.setProperty("aspect-ratio", `${width} / ${height}`);
  }

  markStop() {
    const { row, column } = this.at;
    const { stride, padding } = this.options;
    const box = (element, top, left, size, width, height) => Object.entries({ left: left / width, top: top / height, width: size / width, height: size / height })
      .forEach(([key, share]) => element.style.setProperty(key, `${100 * share}%`));
    box(this.parts.window, row * stride, column * stride, this.side, this.image.width + 2 * padding, this.image.height + 2 * padding);
    box(this.parts.stop, row, column, 1, this.result.width || 1, this.result.height || 1);
    const patch = patchAt(this.image, this.side, this.options, row, column);
    const value = dot(patch, this.kernel);
    Object.assign(this.parts.sum.dataset, { value: String(value), row, column });
    replace(this.parts.sum, h("figcaption", {}, `Row ${row + 1}, column ${column + 1}`),
      h("div", { class: "part" }, grid(patch, this.side, { most: 1, label: "Pixels under the window" }), h("span", {}, "×"), grid(this.kernel, this.side, { label: "Kernel" }), h("b", {}, `= ${exact(value)}`)));
  }

  go(row, column) {
    this.at = { row, column };
    if (this.timer !== null) this.drawOutput();
    this.markStop();
  }

  step() {
    const { width, height } = this.result;
    const next = (this.at.row * width + this.at.column + 1) % Math.max(1, width * height);
    this.go(Math.floor(next / width), next % width);
  }

  toggle() {
    if (this.timer === null) this.timer = setInterval(() => this.step(), TICK);
    else clearInterval(this.timer);
    this.parts.play.textContent = this.parts.play.textContent === "Slide" ? "Stop" : "Slide";
    if (this.parts.play.textContent === "Slide") this.timer = null;
    else this.at = { row: 0, column: 0 };
    this.drawOutput();
    this.markStop();
  }

  point(event) {
    if (this.timer !== null) return;
    const box = this.outputFrame.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) * this.result.height) / box.height);
    const column = Math.floor(((event.clientX - box.left) * this.result.width) / box.width);
    if (row >= 0 && column >= 0 && row < this.result.height && column < this.result.width) this.go(row, column);
  }

  key(event) {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
    this.go(clamp(this.at.row + down, this.result.height), clamp(this.at.column + right, this.result.width));
  }
}

