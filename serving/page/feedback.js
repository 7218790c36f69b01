// Sends the picture and its right class, where the server takes such corrections.

import { sendFeedback } from "./api.js";
import { find, h, replace } from "./dom.js";

export function setUpFeedback({ isOn, model, shown }) {
  const form = find("#feedback");
  form.hidden = !isOn;
  replace(find("#truth"), model().classes.map((label) => h("option", {}, label)));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const said = find("#feedback-said");
    const result = shown();
    if (!result) {
      said.textContent = "There is no picture yet.";
      return;
    }
    const image = btoa(Array.from(result.pixels, (byte) => String.fromCharCode(byte)).join(""));
    try {
      await sendFeedback({ version: model().version, label: find("#truth").value, image });
      said.textContent = "Thank you. It is kept for review.";
    } catch (error) {
      said.textContent = error.message;
    }
  };
}
