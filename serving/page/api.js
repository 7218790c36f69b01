// The server's interface, as far as this page needs it. Every call may raise Failure.

import { askForKey, keyHeaders } from "./key.js";
import { decode, encode } from "./tensors.js";

export class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(path, options = {}) {
  for (;;) {
    let reply;
    try {
      reply = await fetch(path, { ...options, headers: { ...options.headers, ...keyHeaders() } });
    } catch {
      throw new Failure(0, "the server cannot be reached");
    }
    if (reply.ok) return reply;
    if (reply.status === 401) {
      await askForKey();
      continue;
    }
    const body = await reply.json().catch(() => ({}));
    throw new Failure(reply.status, body.error ?? `the server answered ${reply.status}`);
  }
}

const post = (path, body, type, headers = {}) =>
  call(path, { method: "POST", body, headers: { "Content-Type": type, ...headers } });

/** What is being served: models with classes, samples and layers. */
export const about = async () => (await call("explain")).json();

/** Facts and card of the primary model. */
export const card = async () => (await call("model")).json();

/** A picture's file as the pixels that the network receives: Uint8Array, C·H·W. */
export async function fitted(file, { version, fit }) {
  const reply = await post(`fit?fit=${fit}&version=${version}`, file, "image/*"); // its signature counts
  return new Uint8Array(await reply.arrayBuffer());
}

/** From C·H·W pixels: probabilities in the order of the classes, and what the model says of its limits. */
export async function answer(pixels, { version, classes }) {
  const reply = await post(`predict?version=${version}`, pixels, "application/octet-stream");
  const [prediction] = (await reply.json()).predictions;
  const { familiarity = null, known = null, set = null } = prediction;
  return { probabilities: classes.map((label) => prediction.probabilities[label]), familiarity, known, set };
}

/** Named outputs of the network: Map from name to { shape, data: Float32Array }. */
export async function outputs(model, pixels, names) {
  const path = `v2/models/${encodeURIComponent(model.name)}/versions/${model.version}/infer`;
  const { body, headerLength } = encode(pixels, [1, ...model.image_shape], names);
  const reply = await post(path, body, "application/octet-stream", {
    "Inference-Header-Content-Length": String(headerLength),
  });
  const length = Number(reply.headers.get("Inference-Header-Content-Length"));
  return decode(await reply.arrayBuffer(), length);
}

export async function sendFeedback(feedback) {
  await post("feedback", JSON.stringify(feedback), "application/json");
}
