// Training, seen: the curves, and what the network said about one picture after each epoch.

import { Bars } from "./bars.js";
import { chart } from "./chart.js";
import { h, replace } from "./dom.js";
import { exact, percent } from "./numbers.js";

const BEAT = 450; // ms for each epoch when it plays

export function showTraining(host, card) {
  if (!card || card.absent || !card.curves) {
    replace(host, h("p", { class: "notice" }, `There is no record of the training: ${card?.absent ?? "the model card has none"}.`));
    return;
  }
  const replay = card.replay?.epochs?.length ? new Replay(card).element : null;
  replace(host, curves(card.curves), ...(replay ? [replay] : []));
}

function curves({ epoch, train_loss, val_loss, val_accuracy, learning_rate }) {
  if (!epoch.length) return h("p", { class: "fine" }, "No epochs were recorded.");
  const key = (style, text) => h("span", { class: `key-line ${style}` }, text);
  const ends = (values) => `${exact(values.find((v) => v !== null) ?? NaN)} to ${exact(values.findLast((v) => v !== null) ?? NaN)}`;
  const last = val_accuracy.findLast((value) => value !== null);
  const figure = (title, lines, keys, text) => h("figure", {}, h("figcaption", {}, h("b", {}, title), " ", keys), chart({ label: text, x: epoch, lines }));
  return h("div", { class: "curves" },
    figure("Loss", [{ values: train_loss, style: "first" }, { values: val_loss, style: "second" }], [key("first", "training"), key("second", "validation")], `Loss by epoch: training from ${ends(train_loss)}, validation from ${ends(val_loss)}`),
    figure("Accuracy", [{ values: val_accuracy, style: "second" }], [key("second", `validation, ${last === undefined ? "–" : percent(last)} at the end`)], `Validation accuracy by epoch, from ${ends(val_accuracy)}`),
    figure("Learning rate", [{ values: learning_rate, style: "first" }], [], `Learning rate by epoch, from ${ends(learning_rate)}`));
}

class Replay {
  constructor({ replay, classes }) {
    Object.assign(this, { replay, classes, image: 0, timer: null });
    this.list = h("ol", { class: "bars" });
    this.bars = new Bars(this.list, classes);
    this.slider = h("input", { type: "range", id: "epoch", min: "0", max: String(replay.epochs.length - 1), value: String(replay.epochs.length - 1), "aria-label": "Epoch", oninput: () => this.show() });
    this.words = h("p", { class: "replay-words" });
    this.play = h("button", { type: "button", onclick: () => this.toggle() }, "Play");
    this.buttons = replay.images.map((png, index) =>
      h("button", { type: "button", class: "sample", "aria-pressed": "false", "aria-label": `Class ${classes[replay.labels[index]]}`, onclick: () => this.choose(index) }, h("img", { src: `data:image/png;base64,${png}`, alt: "" })));
    this.element = h("div", { class: "replay", id: "replay" },
      h("div", {}, h("h3", {}, "One picture, epoch by epoch"),
        h("p", { class: "fine" }, "Choose a validation image, then drag through the epochs. Epoch 0 is before training: the weights are random, and so is the prediction."),
        h("div", { class: "strip" }, this.buttons),
        h("p", { class: "scrub" }, this.play, this.slider), this.words),
      h("div", {}, this.list));
    this.choose(0);
  }

  choose(image) {
    this.image = image;
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === image)));
    this.show();
  }

  show() {
    const at = Number(this.slider.value);
    const probabilities = this.replay.probabilities[at][this.image];
    const truth = this.replay.labels[this.image];
    const error = probabilities.reduce((sum, p, i) => sum + ((i === truth ? 1 : 0) - p) ** 2 / 2, 0);
    this.bars.show(probabilities);
    const epoch = this.replay.epochs[at];
    this.slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    this.words.textContent = `After epoch ${epoch}: the right class, ${this.classes[truth]}, has ${percent(probabilities[truth])}. Total error ½ Σ (target − output)² = ${exact(error)}`;
  }

  toggle() {
    if (this.timer === null) {
      if (this.slider.value === this.slider.max) this.slider.value = "0";
      this.timer = setInterval(() => this.tick(), BEAT);
    } else this.stop();
    this.play.textContent = this.timer === null ? "Play" : "Stop";
    this.show();
  }

  tick() {
    this.slider.value = String(Number(this.slider.value) + 1);
    this.show();
    if (this.slider.value === this.slider.max) this.stop();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
  }
}
