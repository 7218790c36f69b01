// The page: a picture goes to the server, and what comes back goes to every part.

import * as api from "./api.js";
import { Bars } from "./bars.js";
import { Bench } from "./bench.js";
import { showCard } from "./card.js";
import { onTheme } from "./colour.js";
import { find, h, replace } from "./dom.js";
import { setUpFeedback } from "./feedback.js";
import { Inside } from "./inside.js";
import { tellLimits } from "./limits.js";
import { Live } from "./live.js";
import { notice, recovered } from "./notice.js";
import { percent } from "./numbers.js";
import { Pad } from "./pad.js";
import { acceptPictures, decoded } from "./pictures.js";
import { drawPixels } from "./raster.js";
import { pixelsOf } from "./reading.js";
import { Samples } from "./samples.js";
import { Seen } from "./seen.js";
import { fromHash, hashOf } from "./share.js";
import { introduce, isDrawn } from "./subject.js";
import { saveJson, savePng } from "./takeaway.js";
import { draws, hint } from "./sheet.js";
import { showTraining } from "./training.js";
import { Versus } from "./versus.js";

let models = [];
let model = null; // the one looked into
let limit = Infinity; // bytes of a picture's file
let source = { kind: "blank" };
let result = null; // { pixels, probabilities, familiarity, known, set, source }
let bars, samples, versus;

const seen = new Seen(find("#seen"), find("#seen-value"));
const bench = new Bench(find("#bench-body"));
const inside = new Inside({ failed });
const pad = new Pad(find("#pad"), { changed: drawn, width: () => Number(find("#pen").value) });
const live = new Live({ predict, look, failed });

function failed(error) {
  console.info(error.message);
  if (error.status === 404) void renew();
  else notice(`The last request failed: ${error.message}`, { stays: true });
}

/** The server may hold another model by now. */
async function renew() {
  const before = model?.version;
  try {
    await loadModels();
    if (model.version !== before) {
      notice(`The server now runs version ${model.version}.`);
      live.follow(source);
    }
  } catch (error) {
    notice(`The server does not answer as expected: ${error.message}`, { stays: true });
  }
}

function drawn(done) {
  source = pad.blank ? { kind: "blank" } : { kind: "drawing", strokes: pad.strokes };
  shown(done);
}

/** `done`: not in the middle of a stroke, so the address may follow. */
function shown(done = true) {
  hint(pad);
  samples?.mark(source.kind === "sample" ? source.sample.index : -1);
  if (done) history.replaceState(null, "", (source.kind === "sample" && hashOf(source)) || location.pathname);
  if (model) live.follow(source);
}

function pictureOf(pixels) {
  const canvas = h("canvas");
  drawPixels(canvas, pixels, model.image_shape);
  return canvas;
}

function take(sample) {
  source = { kind: "sample", sample, pixels: sample.pixels };
  pad.show(pictureOf(sample.pixels));
  shown();
}

/** Shown as the browser decodes it; where it cannot, `predict` shows what the server read. */
async function takeFile(file) {
  live.mark("busy");
  const picture = await decoded(file);
  pad.show(picture);
  source = { kind: "picture", file, picture };
  shown();
}

async function predict(asked) {
  if (asked.kind === "blank") return blank("no picture yet");
  let pixels, note, answer;
  try {
    ({ pixels, note } = await pixelsOf(asked, model, { pad, limit }));
    answer = await api.answer(pixels, model);
  } catch (error) {
    if (error.status === 404) throw error; // another model: asked again
    failed(error);
    return blank("no prediction");
  }
  recovered();
  if (asked.kind === "picture" && !asked.picture) pad.show(pictureOf(pixels));
  seen.show(pixels, model.image_shape);
  find("#seen-note").textContent = note;
  const { probabilities } = answer;
  bars.show(probabilities);
  tellLimits(find("#limits"), answer);
  const best = probabilities.indexOf(Math.max(...probabilities));
  say(model.classes[best], percent(probabilities[best]));
  result = { pixels, ...answer, source: asked };
  return result;
}

/** Nothing is known of what is shown, and `why`. */
function blank(why) {
  result = null;
  seen.show(null, model.image_shape);
  bars.show(null);
  versus.show(null);
  tellLimits(find("#limits"), null);
  find("#seen-note").textContent = "";
  say("–", why);
  return { pixels: seen.pixels, source };
}

function say(label, text) {
  replace(find("#verdict"), h("b", {}, label), ` ${text}`);
  replace(find("#now b"), label);
  replace(find("#now span"), text);
}

async function look(found) {
  bench.follow(found.pixels, model.image_shape);
  await inside.look(found);
  if (versus.wanted && found.probabilities) versus.show(await Promise.all(models.map((one) => answerOf(one, found))));
}

async function answerOf(one, found) {
  if (one === model) return found.probabilities;
  const { pixels } = await pixelsOf(found.source, one, { pad, limit });
  return pixels && (await api.answer(pixels, one)).probabilities;
}

function useModel(chosen) {
  model = chosen;
  bars = new Bars(find("#bars"), model.classes, { hooked: true });
  samples = new Samples(find("#samples"), model, take);
  seen.show(null, model.image_shape);
  inside.build(model);
  find("#seen").style.setProperty("aspect-ratio", `${model.image_shape[2]} / ${model.image_shape[1]}`);
  introduce(model);
  draws(pad, isDrawn(model));
}

async function loadModels() {
  const about = await api.about();
  models = about.models;
  limit = about.body_limit;
  versus = new Versus(find("#versus"), find("#pair"), models);
  find("nav [href='#versus']").hidden = models.length < 2;
  find("#which").hidden = models.length < 2;
  replace(find("#version"), models.map((one) => h("option", { value: one.version }, `${one.role} ${one.version}`)));
  useModel(models[0]);
  setUpFeedback({ isOn: about.feedback, model: () => model, shown: () => result });
  const facts = await api.card();
  tellFallback(facts.dataset);
  showCard(find("#card-body"), facts);
  showTraining(find("#training-body"), facts.card);
}

/** Nobody should take one data set's answers for another's. */
function tellFallback({ name, requested }) {
  const line = find("#fallback");
  line.hidden = name === requested;
  line.textContent = `This model was trained on ${name}, because ${requested} could not be fetched: its classes and its accuracy are those of ${name}.`;
}

function open() {
  const given = fromHash(location.hash);
  const size = model.image_shape.reduce((a, b) => a * b);
  if (given?.strokes?.length) {
    pad.show(null, given.strokes);
    source = { kind: "drawing", strokes: pad.strokes };
    hint(pad);
    live.follow(source);
  } else if (given?.pixels?.length === size) {
    source = { kind: "pixels", pixels: given.pixels };
    pad.show(pictureOf(given.pixels));
    hint(pad);
    live.follow(source);
  } else if (samples.all.length) take(samples.all[given?.sample] ?? samples.all[0]);
}

function wire() {
  find("#undo").addEventListener("click", () => pad.undo());
  find("#clear").addEventListener("click", () => pad.clear());
  find("#link").addEventListener("click", copyLink);
  find("#json").addEventListener("click", () => result && saveJson({ model, source, result, activations: inside.activations }));
  find("#png").addEventListener("click", () => result && savePng({ model, result, pad: find("#pad"), seen: find("#seen"), views: inside.network.views }));
  find("#version").addEventListener("change", (event) => {
    useModel(models[event.target.selectedIndex]);
    shown();
  });
  addEventListener("hashchange", () => /^#(sample|drawing|pixels)=/.test(location.hash) && open());
  find("#drawing").addEventListener("click", () => {
    draws(pad, !pad.enabled);
    if (pad.enabled) pad.clear();
    else if (samples.all.length) take(samples.all[0]);
  });
  find("#sheet").addEventListener("click", () => pad.enabled || find("#files").hidden || find("#file").click());
  acceptPictures({ inputs: [find("#file"), find("#camera")], target: find("#sheet"), take: takeFile, refuse: notice });
  onTheme(() => {
    pad.draw();
    inside.redraw();
    bench.update();
  });
}

async function copyLink() {
  const hash = hashOf({ ...source, pixels: result?.pixels });
  if (!hash) {
    notice("There is nothing to link to, or it is too large for an address.");
    return;
  }
  history.replaceState(null, "", hash);
  try {
    await navigator.clipboard.writeText(location.href);
    notice("The link is on the clipboard.");
  } catch {
    notice("The address bar now holds the link.");
  }
}

wire();
try {
  await loadModels();
  open();
} catch (error) {
  failed(error);
}
