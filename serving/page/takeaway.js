// What is on the page, as a file: numbers (JSON) or a picture (PNG).

import { download } from "./dom.js";
import { percent } from "./numbers.js";

const MOST = 200000; // numbers of activations in the JSON

export function saveJson({ model, source, result, activations }) {
  const values = {};
  let room = MOST;
  for (const [name, { shape, data }] of activations?.values ?? []) {
    room -= data.length;
    if (room >= 0) values[name] = { shape, data: Array.from(data) };
  }
  const content = {
    model: { name: model.name, version: model.version, net: model.net },
    picture: source.kind,
    image: { shape: model.image_shape, pixels: Array.from(result.pixels) },
    probabilities: Object.fromEntries(model.classes.map((label, i) => [label, result.probabilities[i]])),
    familiarity: result.familiarity,
    known: result.known,
    set: result.set,
    activations: values,
  };
  download(new Blob([JSON.stringify(content)], { type: "application/json" }), `${model.name}-${model.version}.json`);
}

const [WIDTH, PAD, SIDE] = [960, 24, 220];

/** The drawing, what the network sees, the probabilities, and every layer on the page. */
export function savePng({ model, result, pad, seen, views }) {
  const rows = [...views.values()].map((view) => view.figures.map(({ canvas }) => canvas));
  const heights = rows.map((canvases) => lineHeight(canvases));
  const sheet = document.createElement("canvas");
  sheet.width = WIDTH;
  sheet.height = SIDE + 3 * PAD + 24 + heights.reduce((a, b) => a + b + 30, 0);
  const context = sheet.getContext("2d");
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  context.fillStyle = style.color;
  context.font = "15px system-ui, sans-serif";
  context.fillText(`${model.name} ${model.version}`, PAD, PAD + 12);
  context.drawImage(pad, PAD, PAD + 24, SIDE, SIDE);
  context.drawImage(seen, 2 * PAD + SIDE, PAD + 24, SIDE, SIDE);
  drawBars(context, model.classes, result.probabilities, 3 * PAD + 2 * SIDE, PAD + 24);
  let top = SIDE + 3 * PAD + 12;
  [...views.keys()].forEach((name, index) => {
    context.fillText(name, PAD, top + 14);
    drawLine(context, rows[index], PAD, top + 20);
    top += heights[index] + 30;
  });
  sheet.toBlob((blob) => download(blob, `${model.name}-${model.version}.png`), "image/png");
}

function drawBars(context, classes, probabilities, left, top) {
  const shown = classes.map((label, i) => [label, probabilities[i]]).sort(([, a], [, b]) => b - a).slice(0, 10);
  shown.forEach(([label, p], i) => {
    context.fillText(`${label}  ${percent(p)}`, left, top + 22 * i + 14);
    context.fillRect(left + 150, top + 22 * i + 3, Math.max(1, 220 * p), 13);
  });
}

const scaleOf = (canvas) => (canvas.height <= 12 && canvas.width > 12 ? 10 : Math.max(1, Math.floor(72 / Math.max(canvas.width, canvas.height))));

/** Calls `each(canvas, x, y, scale)` left to right in lines; returns the height of them all. */
function flow(canvases, each) {
  let [x, y, line] = [0, 0, 0];
  for (const canvas of canvases) {
    const scale = scaleOf(canvas);
    if (x && x + canvas.width * scale > WIDTH - 2 * PAD) [x, y, line] = [0, y + line + 6, 0];
    each(canvas, x, y, scale);
    x += canvas.width * scale + 6;
    line = Math.max(line, canvas.height * scale);
  }
  return y + line;
}

const lineHeight = (canvases) => flow(canvases, () => {});

const drawLine = (context, canvases, left, top) =>
  flow(canvases, (canvas, x, y, scale) => context.drawImage(canvas, left + x, top + y, canvas.width * scale, canvas.height * scale));
