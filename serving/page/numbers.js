// How numbers are written: the same width for the same kind, with a true minus sign.

const minus = (text) => text.replace("-", "−");

/** A value as in a feature map: two decimals, fewer for large ones. */
export function short(x) {
  const size = Math.abs(x);
  if (size >= 1000) return minus(x.toFixed(0));
  if (size >= 100) return minus(x.toFixed(1));
  const text = x.toFixed(2);
  return text === "-0.00" ? "0.00" : minus(text);
}

/** The same for a small cell, four characters and a sign at most: without the zero before the point. */
export function tiny(x) {
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1000) return minus(String(x));
  if (size >= 0.995) return minus(x.toFixed(size >= 99.95 ? 0 : 1));
  const text = x.toFixed(2).replace("0.", ".");
  return text === "-.00" ? ".00" : minus(text);
}

/** A result: four significant digits or four decimals, whichever is shorter. */
export function exact(x) {
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return minus(x.toExponential(2));
  if (size >= 100) return minus(x.toFixed(2));
  return minus(x.toFixed(4));
}

export function percent(p) {
  if (p > 0 && p < 0.0005) return "< 0.1 %";
  if (p < 1 && p > 0.9995) return "> 99.9 %";
  return `${(100 * p).toFixed(1)} %`;
}

export const grouped = (n) => n.toLocaleString("en");

export const plural = (n, one, many = `${one}s`) => `${grouped(n)} ${n === 1 ? one : many}`;
