// One bar per class, in fixed places: only widths and numbers change.

import { h, replace } from "./dom.js";
import { percent } from "./numbers.js";

export class Bars {
  /** `hooked`: carry the attributes that tests look for (one such list on the page). */
  constructor(list, classes, { hooked = false } = {}) {
    this.classes = classes;
    this.hooked = hooked;
    this.rows = classes.map((label) => {
      const fill = h("i");
      const number = h("b", {}, "–");
      const row = h("li", hooked ? { data: { label, probability: "0" } } : {}, h("span", {}, label), h("div", { class: "track" }, fill), number);
      return { row, fill, number };
    });
    const longest = Math.max(...classes.map((label) => label.length));
    list.style.setProperty("--label", `${Math.min(14, longest + 1)}ch`);
    replace(list, this.rows.map(({ row }) => row));
    list.classList.toggle("many", classes.length > 12);
  }

  /** Null: there is nothing to say. */
  show(probabilities) {
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    this.rows.forEach(({ row, fill, number }, index) => {
      const p = probabilities ? probabilities[index] : 0;
      if (this.hooked) row.dataset.probability = String(p);
      fill.style.transform = `scaleX(${p})`;
      number.textContent = probabilities ? percent(p) : "–";
      row.classList.toggle("best", index === best);
    });
  }
}
