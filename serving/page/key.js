// The API key, where the server wants one: asked for once, kept for this tab.

import { find } from "./dom.js";

const PLACE = "convnet-key";
let asking = null;

export function keyHeaders() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { "X-API-Key": key } : {};
}

/** Show the dialog until a key is given; calls that fail together share one dialog. */
export function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = find("#key-dialog");
    const input = find("#key");
    find("#key-wrong").textContent = sessionStorage.getItem(PLACE) ? "That key was not accepted." : "";
    const done = () => {
      sessionStorage.setItem(PLACE, input.value);
      asking = null;
      resolve();
    };
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", done, { once: true });
    input.value = "";
    dialog.showModal();
  });
  return asking;
}
