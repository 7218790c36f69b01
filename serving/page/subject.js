// What the model looks at: digits or other drawn characters, grey or colour pictures. The page's words follow.

import { find, h, replace } from "./dom.js";
import { grouped } from "./numbers.js";

const FITS = {
  squeeze: "it is scaled to that size, whatever its proportions",
  crop: "its central square is scaled to that size",
  pad: "it is scaled to fit, with black bars at the sides",
};

/** "digit" or "character" for models of drawn ones, "grey" or "colour" for pictures, else "numbers". */
export function kindOf({ reading, classes, image_shape: [channels] }) {
  if (reading.digit) return classes.every((name) => /^\d$/.test(name)) ? "digit" : "character";
  return { 1: "grey", 3: "colour" }[channels] ?? "numbers";
}

/** Whether people draw what the model looks at. */
export const isDrawn = (model) => ["digit", "character"].includes(kindOf(model));

const IMAGES = { colour: "colour", numbers: "many-channel" };

function texts(model) {
  const { reading, image_shape: [channels, height, width] } = model;
  const size = `${width}\u00a0×\u00a0${height}`;
  const kind = kindOf(model);
  const formats = reading.formats.join(", ");
  if (isDrawn(model)) {
    return {
      nav: "Draw", title: `Draw a ${kind}, and see the prediction`, hint: "draw here",
      start: `Draw a ${kind} or choose a sample`,
      intro: `A picture is a grid of numbers: 0 for black, 255 for white. What you draw, or the picture of a ${kind} that you give, is cropped to its strokes and centred on ${size} pixels, like the training images.`,
      help: "Use a mouse, pen or finger, or the keyboard: arrow keys move, the space bar lowers or lifts the pen. Or drop, paste or choose a picture.",
    };
  }
  if (kind === "numbers") {
    return {
      nav: "Picture", title: "Choose a sample, and see the prediction", hint: "", start: "Choose a sample",
      intro: `An image of this model is a grid of ${size} pixels with ${channels} numbers each, from 0 to 255. Picture files have one or three, so only its samples can be shown here.`,
      help: "",
    };
  }
  return {
    nav: "Picture", title: "Choose a picture, and see the prediction", hint: "drop, paste or choose a picture",
    start: "Choose a picture of your own or a sample",
    intro: kind === "colour"
      ? `A colour picture is three grids of numbers, one each for red, green and blue: 0 is dark, 255 is bright. The model takes ${size} pixels. Your picture is read as the training images were: ${FITS[reading.fit]}.`
      : `A grey picture is a grid of numbers: 0 for black, 255 for white. The model takes ${size} pixels without colour. Your picture is read as the training images were: ${FITS[reading.fit]}.`,
    help: `${formats}, or anything else that your browser shows.`,
  };
}

/** Write what depends on the model into the page. */
export function introduce(model) {
  const said = texts(model);
  const kind = kindOf(model);
  replace(find("nav [href='#draw']"), said.nav);
  replace(find("#draw-title"), h("span", { "aria-hidden": "true" }), said.title);
  replace(find("#start"), said.start);
  replace(find("#intro"), said.intro, " The output is one probability for each class; together they add up to 1.");
  replace(find("#pad-help"), said.help);
  replace(find("#hint span"), said.hint);
  replace(find("#who"), `: ${model.net}, ${grouped(model.parameters)} parameters, trained on ${model.dataset} (${IMAGES[kind] ?? "grey"} images, ${grouped(model.classes.length)} classes).`);
  find("#files").hidden = kind === "numbers";
  find("#drawing").hidden = isDrawn(model) || kind === "numbers";
}
