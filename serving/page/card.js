// The model card: what answered, how good it is, and where it comes from.

import { h, replace } from "./dom.js";
import { grouped } from "./numbers.js";

const row = (name, value) => (value === undefined || value === null || value === "" ? null : h("div", {}, h("dt", {}, name), h("dd", {}, value)));

const code = (text) => h("code", {}, text);

function accuracyOf(metrics) {
  const test = metrics?.test ?? metrics ?? {};
  const accuracy = test.accuracy ?? test.test_accuracy;
  return typeof accuracy === "number" ? `${(100 * accuracy).toFixed(2)} %` : null;
}

const shareOf = (share) => (typeof share === "number" ? `${(100 * share).toFixed(1)} %` : null);

/** How many foreign images are taken for known, of the sets that evaluate made. */
function foreignOf(metrics) {
  const known = Object.entries(metrics?.foreign_known ?? {});
  return known.length ? known.map(([name, share]) => `${name.replaceAll("_", " ")} ${shareOf(share)}`).join(", ") : null;
}

function origin(dataset) {
  const differs = dataset.name !== dataset.requested;
  return differs ? `${dataset.name} (instead of ${dataset.requested}, which could not be fetched)` : dataset.name;
}

const plain = (value) => (Array.isArray(value) ? value.join(", ") : String(value));

function table(caption, values) {
  const rows = Object.entries(values ?? {}).filter(([, value]) => value !== null);
  if (!rows.length) return null;
  return h("details", {}, h("summary", {}, caption), h("table", {}, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "number" ? String(Number(value.toPrecision(5))) : plain(value)))))));
}

const flat = (metrics) => Object.fromEntries(Object.entries(metrics ?? {}).flatMap(([group, value]) =>
  (value !== null && typeof value === "object" ? Object.entries(value).map(([name, x]) => [`${group} ${name}`, x]) : [[group, value]]))
  .filter(([, value]) => typeof value !== "object"));

export function showCard(host, facts) {
  const card = facts.card?.absent ? null : facts.card;
  replace(host, ...[
    h("dl", { class: "facts" }, ...[
      row("Model", facts.name), row("Version", code(facts.version)), row("Net", facts.net),
      row("Parameters", grouped(facts.parameters)), row("Data set", origin(facts.dataset)),
      row("Accuracy on the test set", accuracyOf(card?.metrics)),
      row("Known, of the test set", shareOf(card?.metrics?.known?.test)),
      row("Foreign images taken for known", foreignOf(card?.metrics)),
      row("Classes", facts.classes.length <= 12 ? facts.classes.join(" ") : `${facts.classes.length}, from ${facts.classes[0]} to ${facts.classes.at(-1)}`),
      row("Image", facts.image_shape.join(" × ")),
      row("Git commit", card?.git ? [code(card.git.commit.slice(0, 12)), card.git.dirty ? " with changes that were not committed" : ""] : null),
      row("Run", card?.run ? `${card.run.name} in ${card.run.experiment}` : null),
      row("Run id", card?.run ? code(card.run.id) : null),
      row("Data, sha256", facts.dataset.sha256 ? code(facts.dataset.sha256.slice(0, 12)) : null),
    ].filter(Boolean)),
    card ? table("All metrics", flat(card.metrics)) : h("p", { class: "notice" }, `There is no card with this model: ${facts.card?.absent ?? "none was found"}.`),
    card ? table("Hyperparameters", card.hyperparameters) : null,
  ].filter(Boolean));
}
