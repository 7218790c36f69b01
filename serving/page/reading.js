// What is shown → the pixels that the network receives, as the server reads them.

import { Failure, fitted } from "./api.js";
import { isDrawn } from "./subject.js";
import { written } from "./pictures.js";

const UNREAD = [413, 415]; // too large, or of a format that the server does not read
const SENT = 128; // px a side of the drawing sent: ample for what a small image is made from

/** { pixels: Uint8Array, C·H·W, or null where they are of another size; note: what to know of them } */
export async function pixelsOf(source, model, { pad, limit }) {
  if (source.pixels) {
    const size = model.image_shape.reduce((a, b) => a * b);
    return { pixels: source.pixels.length === size ? source.pixels : null, note: "" };
  }
  const { version } = model;
  if (source.kind === "drawing") {
    const fit = isDrawn(model) ? "digit" : "auto";
    const side = isDrawn(model) ? SENT : Math.max(SENT, 2 * Math.max(...model.image_shape.slice(1)));
    return { pixels: await fitted(pad.png(side), { version, fit }), note: "" };
  }
  return ofFile(source, version, limit);
}

/** The file as it is; where the server does not take it, what the browser has made of it. */
async function ofFile({ file, picture }, version, limit) {
  const fit = "auto";
  try {
    if (file.size > limit) throw new Failure(413, `the file is larger than the ${limit >> 20} MB that this server takes`);
    return { pixels: await fitted(file, { version, fit }), note: "" };
  } catch (error) {
    if (!picture || !UNREAD.includes(error.status)) throw error;
    const pixels = await fitted(written(picture), { version, fit });
    const why = error.status === 415 ? "The server does not read this format" : "The file is too large for the server";
    return { pixels, note: `${why}: these pixels are from your browser’s copy of it, and may differ a little from what training would have read.` };
  }
}
