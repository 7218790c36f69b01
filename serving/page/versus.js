// The same picture through every model that the server holds, side by side.

import { Bars } from "./bars.js";
import { h, replace } from "./dom.js";
import { percent } from "./numbers.js";

export class Versus {
  constructor(section, host, models) {
    this.models = models;
    section.hidden = models.length < 2;
    this.parts = models.map((model) => {
      const list = h("ol", { class: "bars" });
      const verdict = h("p", { class: "verdict" }, "–");
      const element = h("div", { data: { version: model.version } }, h("h3", {}, model.role, h("small", {}, `${model.net} · ${model.version}`)), verdict, list);
      return { bars: new Bars(list, model.classes), verdict, element };
    });
    replace(host, this.parts.map((part) => part.element));
  }

  get wanted() {
    return this.models.length > 1;
  }

  /** `answers`: one per model: probabilities, or null where the picture does not fit it. */
  show(answers) {
    this.parts.forEach(({ bars, verdict }, index) => {
      const answer = answers?.[index];
      bars.show(answer ?? null);
      if (!answer) verdict.textContent = answers ? "This picture does not have this model’s size." : "–";
      else {
        const best = answer.indexOf(Math.max(...answer));
        verdict.textContent = `${this.models[index].classes[best]}, ${percent(answer[best])}`;
      }
    });
  }
}
