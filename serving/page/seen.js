// What the network sees: its input pixels, large, and the value of the one pointed at.

import { find } from "./dom.js";
import { drawPixels } from "./raster.js";

export class Seen {
  constructor(canvas, readout) {
    this.canvas = canvas;
    this.readout = readout;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.rest());
  }

  /** Null pixels: there is no picture, so the network receives nothing. */
  show(pixels, shape) {
    this.shape = shape;
    this.pixels = pixels ?? new Uint8Array(shape.reduce((a, b) => a * b));
    drawPixels(this.canvas, this.pixels, shape);
    drawPixels(find("#now canvas"), this.pixels, shape);
    this.rest();
  }

  rest() {
    const [channels, height, width] = this.shape;
    const kind = { 1: "one number each", 3: "red, green and blue" }[channels] ?? `${channels} numbers each`;
    this.readout.textContent = `${width} × ${height} pixels, ${kind}.`;
  }

  point(event) {
    const [channels, height, width] = this.shape;
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) * height) / box.height);
    const column = Math.floor(((event.clientX - box.left) * width) / box.width);
    if (row < 0 || column < 0 || row >= height || column >= width) return;
    const values = Array.from({ length: channels }, (_, c) => this.pixels[(c * height + row) * width + column]);
    const names = channels === 3 ? ["red ", "green ", "blue "] : [];
    this.readout.textContent = `Row ${row + 1}, column ${column + 1}: ${values.map((value, c) => `${names[c] ?? ""}${value}`).join(", ")}`;
  }
}
