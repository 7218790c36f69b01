// Fully connected units (their largest contributions) and softmax (exponentials and their sum).

import { h } from "./dom.js";
import { placeShort, unitAt } from "./layers.js";
import { exact, percent, plural } from "./numbers.js";
import { plainRow, termRow, total, words } from "./spelled.js";

const SHOWN = 8; // contributions
const FEW = 16; // classes of which all exponentials fit

export function fullyConnected({ item, before, unit, own, values, weight, bias }) {
  const index = unit.column;
  if (!weight) return { value: own, nodes: [words("This layer has more weights than the page loads, so only its result is shown."), total("value", own)] };
  const count = values.data.length;
  const products = Array.from(values.data, (x, i) => ({ i, x, w: weight.data[index * count + i] }));
  for (const one of products) one.product = one.x * one.w;
  const offset = bias ? bias.data[index] : 0;
  const sum = products.reduce((s, one) => s + one.product, 0);
  const sorted = products.toSorted((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const shown = sorted.slice(0, SHOWN);
  const rest = sorted.slice(SHOWN);
  const most = Math.abs(shown[0].product);
  const rows = shown.map((one) => termRow(placeShort(before, unitAt(before, one.i)), one.x, one.w, one.product, most));
  if (rest.length) rows.push(plainRow(`${plural(rest.length, "more input")} together`, rest.reduce((s, one) => s + one.product, 0)));
  rows.push(plainRow("bias", offset));
  const meaning = item.classes ? ` The sum is the score of class ${item.classes[index]}.` : "";
  return {
    value: sum + offset,
    nodes: [
      words(`Each of the ${plural(count, "value")} of ${before.name} is multiplied by its own weight. These products are the largest.${meaning}`),
      h("ol", { class: "terms" }, rows),
      total(`${exact(sum)} + bias ${exact(offset)}`.replace("+ bias −", "− bias "), sum + offset, own),
    ],
  };
}

export function softmax({ unit, own, values, classes }) {
  const scores = Array.from(values.data);
  const top = Math.max(...scores);
  const shift = top > 80 ? top : 0; // e^x of larger numbers is beyond what computers hold
  const powers = scores.map((score) => Math.exp(score - shift));
  const sum = powers.reduce((a, b) => a + b, 0);
  const value = powers[unit.column] / sum;
  const order = scores.map((_, i) => i);
  const shown = scores.length <= FEW ? order : order.sort((a, b) => scores[b] - scores[a]).slice(0, FEW);
  const name = (i) => classes[i] ?? `unit ${i + 1}`;
  const rows = shown.map((i) =>
    h("tr", { class: i === unit.column ? "chosen" : undefined }, h("th", { scope: "row" }, name(i)), h("td", {}, exact(scores[i])), h("td", {}, exact(powers[i])), h("td", {}, percent(powers[i] / sum))));
  const head = h("tr", {}, ["class", "score x", shift ? `e^(x − ${exact(shift)})` : "eˣ", "share"].map((text) => h("th", { scope: "col" }, text)));
  return {
    value,
    nodes: [
      words("The exponential of each score is positive; divided by their sum, they add up to 1. This is the probability that the server returns."),
      h("table", { class: "powers" }, h("thead", {}, head), h("tbody", {}, rows)),
      total(`${exact(powers[unit.column])} ÷ ${exact(sum)}`, value, own),
    ],
  };
}
