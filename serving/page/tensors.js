// Open Inference Protocol V2 with the binary tensor extension: bytes ↔ named tensors.

/** One UINT8 input `images`; every output wanted as binary. */
export function encode(pixels, shape, names) {
  const head = {
    inputs: [{ name: "images", datatype: "UINT8", shape, parameters: { binary_data_size: pixels.length } }],
    outputs: names.map((name) => ({ name, parameters: { binary_data: true } })),
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const body = new Uint8Array(text.length + pixels.length);
  body.set(text);
  body.set(pixels, text.length);
  return { body, headerLength: text.length };
}

/** Map from output name to { shape, data }, the batch axis of 1 taken off activations. */
export function decode(buffer, headerLength) {
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 0, headerLength)));
  const found = new Map();
  let start = headerLength;
  for (const { name, shape, parameters } of head.outputs) {
    const end = start + parameters.binary_data_size;
    const data = new Float32Array(buffer.slice(start, end)); // little-endian, as browsers are
    found.set(name, { shape: name.startsWith("parameters/") ? shape : shape.slice(1), data });
    start = end;
  }
  return found;
}

/** Base64 → Uint8Array */
export const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
