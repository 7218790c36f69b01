// A sample, a drawing or pixels as the part of the address after #, and back.

const MOST = 6000; // bytes: addresses much longer than 8,000 characters get lost on the way
const SCALE = 255 / 280; // pad units to bytes

const encoded = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

function decoded(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** [width, number of points (2 bytes), x, y, x, y, …] for each stroke. */
function packed(strokes) {
  return strokes.flatMap(({ width, points }) => [
    Math.round(width), points.length >> 8, points.length & 255,
    ...points.flat().map((value) => Math.round(value * SCALE)),
  ]);
}

function unpacked(bytes) {
  const strokes = [];
  for (let at = 0; at + 3 < bytes.length; ) {
    const count = 256 * bytes[at + 1] + bytes[at + 2];
    const values = [...bytes.slice(at + 3, at + 3 + 2 * count)].map((value) => value / SCALE);
    const points = [];
    for (let i = 0; i + 1 < values.length; i += 2) points.push([values[i], values[i + 1]]);
    if (points.length) strokes.push({ width: Math.max(2, Math.min(60, bytes[at])), points });
    at += 3 + 2 * count;
  }
  return strokes;
}

/** The hash for what is shown; "" when it is too large for an address, or nothing. */
export function hashOf(source) {
  if (source.kind === "sample") return `#sample=${source.sample.index + 1}`;
  const bytes = source.kind === "drawing" ? packed(source.strokes) : [...(source.pixels ?? [])];
  if (!bytes.length || bytes.length > MOST) return "";
  return `#${source.kind === "drawing" ? "drawing" : "pixels"}=${encoded(bytes)}`;
}

/** { sample: index } | { strokes } | { pixels } | null */
export function fromHash(hash) {
  const [, kind, text] = /^#(sample|drawing|pixels)=([\w-]+)$/.exec(hash) ?? [];
  try {
    if (kind === "sample") return { sample: Number(text) - 1 };
    if (kind === "drawing") return { strokes: unpacked(decoded(text)) };
    if (kind === "pixels") return { pixels: decoded(text) };
  } catch {
    // a damaged link: show the page as it opens without one
  }
  return null;
}
