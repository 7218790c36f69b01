// The drawing pad: strokes by mouse, pen, finger or keyboard, kept as points so they can be undone.

import { bytes } from "./tensors.js";

const SIDE = 280; // logical units, whatever the size on the screen
const STEP = 8; // units of one arrow key
const NEAR = 1.5; // points closer than this add nothing

/** Calls `changed(done)` for every new point; `done` at the end of a stroke. */
export class Pad {
  constructor(canvas, { changed, width }) {
    this.canvas = canvas;
    this.changed = changed;
    this.width = width; // () => units
    this.strokes = []; // { width, points: [[x, y], …] }
    this.picture = null; // shown instead of strokes: anything drawImage takes
    this.cursor = null; // keyboard's place, or null
    this.open = null; // the stroke being drawn
    this.enabled = true; // false: it shows pictures, and nobody draws on it
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.end());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.leave());
    this.draw();
  }

  get blank() {
    return this.strokes.length === 0 && this.picture === null;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const clamp = (x) => Math.max(0, Math.min(SIDE, x));
    return [
      clamp(((event.clientX - box.left) * SIDE) / box.width),
      clamp(((event.clientY - box.top) * SIDE) / box.height),
    ];
  }

  down(event) {
    if (!this.enabled || event.button !== 0 || !event.isPrimary) return;
    this.canvas.setPointerCapture?.(event.pointerId);
    this.cursor = null;
    this.begin(this.point(event));
  }

  move(event) {
    if (!this.open || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.extend(this.point(one));
  }

  begin(point) {
    this.picture = null;
    this.open = { width: this.width(), points: [point] };
    this.strokes.push(this.open);
    this.draw();
    this.changed(false);
  }

  extend(point) {
    const last = this.open.points.at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAR) return;
    this.open.points.push(point);
    this.draw();
    this.changed(false);
  }

  end() {
    if (!this.open) return;
    this.open = null;
    this.changed(true);
  }

  key(event) {
    if (!this.enabled) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if ((event.ctrlKey || event.metaKey) && event.key === "z") this.undo();
    else if (event.key in moves) this.step(moves[event.key], event.shiftKey ? 3 : STEP);
    else if (event.key === " ") this.toggle();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  step([dx, dy], size) {
    const [x, y] = this.cursor ?? [SIDE / 2, SIDE / 2];
    const clamp = (value) => Math.max(0, Math.min(SIDE, value));
    this.cursor = [clamp(x + dx * size), clamp(y + dy * size)];
    if (this.open) this.extend([...this.cursor]);
    this.draw();
  }

  toggle() {
    this.cursor ??= [SIDE / 2, SIDE / 2];
    if (this.open) this.end();
    else this.begin([...this.cursor]);
    this.draw();
  }

  leave() {
    this.end();
    this.cursor = null;
    this.draw();
  }

  undo() {
    this.open = null;
    if (this.picture) this.picture = null;
    else this.strokes.pop();
    this.draw();
    this.changed(true);
  }

  clear() {
    this.show(null, []);
    this.changed(true);
  }

  /** Put a picture or other strokes here, without saying that anything changed. */
  show(picture, strokes = []) {
    this.open = null;
    this.picture = picture;
    this.strokes = strokes;
    this.draw();
  }

  draw() {
    const style = getComputedStyle(this.canvas);
    paint(this.canvas, this.strokes, { paper: style.backgroundColor, ink: style.color });
    if (this.picture) this.drawPicture();
    if (this.cursor) this.drawCursor(style.outlineColor);
  }

  drawPicture() {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.picture;
    const scale = this.canvas.width / Math.max(width, height);
    const [w, h] = [width * scale, height * scale];
    context.imageSmoothingEnabled = scale < 4;
    context.drawImage(this.picture, (this.canvas.width - w) / 2, (this.canvas.height - h) / 2, w, h);
  }

  drawCursor(colour) {
    const context = this.canvas.getContext("2d");
    const scale = this.canvas.width / SIDE;
    const [x, y] = this.cursor.map((value) => value * scale);
    context.strokeStyle = colour;
    context.lineWidth = this.open ? 6 : 3;
    context.beginPath();
    context.arc(x, y, (this.width() * scale) / 2 + 4, 0, 2 * Math.PI);
    context.stroke();
  }

  /** A PNG of the strokes, `side` px, black on white whatever the theme. */
  png(side) {
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = side;
    paint(sheet, this.strokes, { paper: "#fff", ink: "#000" });
    // toBlob would wait for an idle moment, 20 ms in the middle of a stroke
    return new Blob([bytes(sheet.toDataURL("image/png").split(",")[1])], { type: "image/png" });
  }
}

function paint(canvas, strokes, { paper, ink }) {
  const context = canvas.getContext("2d");
  const scale = canvas.width / SIDE;
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width * scale;
    context.beginPath();
    trace(context, points.map(([x, y]) => [x * scale, y * scale]));
    context.stroke();
  }
}

/** A smooth line: curves between the middles of neighbouring points. */
function trace(context, points) {
  const [first] = points;
  context.moveTo(...first);
  if (points.length === 1) context.lineTo(first[0] + 0.01, first[1]);
  for (let i = 1; i < points.length - 1; i += 1) {
    const [x, y] = points[i];
    const [nx, ny] = points[i + 1];
    context.quadraticCurveTo(x, y, (x + nx) / 2, (y + ny) / 2);
  }
  if (points.length > 1) context.lineTo(...points.at(-1));
}
