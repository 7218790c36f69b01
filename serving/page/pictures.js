// Pictures from elsewhere: chosen, photographed, dropped or pasted; and how the browser reads them.

import { bytes } from "./tensors.js";

const LONGEST = 2048; // px a side of a picture that the browser writes anew

/** Calls `take(file)` for a file that is given, and `refuse(text)` where there is none. */
export function acceptPictures({ inputs, target, take, refuse }) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    });
  }
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) take(file);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) target.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else refuse("That was no file: save the picture first, then drop the file here.");
  });
}

/** What drawImage takes; null where the browser cannot read the file. */
export async function decoded(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return drawn(file);
  }
}

/** Some formats, SVG among them, are read as the source of an <img> only. */
async function drawn(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return image.width && image.height ? image : null;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** The decoded picture as a PNG file, on white paper where it is transparent. */
export function written(picture) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(1, Math.round(picture.width * scale));
  sheet.height = Math.max(1, Math.round(picture.height * scale));
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, sheet.width, sheet.height);
  return new Blob([bytes(sheet.toDataURL("image/png").split(",")[1])], { type: "image/png" });
}
