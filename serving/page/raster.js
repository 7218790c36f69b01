// Numbers and pixels onto a canvas, one canvas pixel each; CSS scales it up.

import { colours, place } from "./colour.js";

function sized(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return canvas.getContext("2d");
}

/** `height` rows of `width` values from data[start]; cells past `count` stay clear. */
export function drawValues(canvas, data, { start = 0, width, height, most, count = width * height }) {
  const context = sized(canvas, width, height);
  const image = context.createImageData(width, height);
  const table = colours();
  for (let i = 0; i < count; i += 1) {
    const at = place(data[start + i], most);
    for (let c = 0; c < 4; c += 1) image.data[4 * i + c] = table[at + c];
  }
  context.putImageData(image, 0, 0);
}

/** C·H·W uint8 pixels: grey for one channel, colour for three. */
export function drawPixels(canvas, pixels, [channels, height, width]) {
  const context = sized(canvas, width, height);
  const image = context.createImageData(width, height);
  const plane = width * height;
  for (let i = 0; i < plane; i += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = pixels[i + (channels >= 3 ? c * plane : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
