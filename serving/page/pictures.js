// Pictures from elsewhere: chosen, dropped or pasted.

const KINDS = ["image/png", "image/jpeg"];
const LARGEST = 16 << 20; // bytes; the server has its own limit and says so

/** Calls `take(file)` for a PNG or JPEG and `refuse(text)` for anything else. */
export function acceptPictures({ input, target, take, refuse }) {
  const offer = (file) => {
    if (!file) return;
    if (!KINDS.includes(file.type)) refuse("This takes PNG and JPEG pictures.");
    else if (file.size > LARGEST) refuse("That picture is too large: give one below 16 MB.");
    else take(file);
  };
  input.addEventListener("change", () => {
    offer(input.files[0]);
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) offer(file);
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
    offer(event.dataTransfer.files[0]);
  });
}
