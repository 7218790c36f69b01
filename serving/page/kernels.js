// Kernels by name, 3 × 3 and 5 × 5: those of the post's table, and the picture of its figure 5.

const even = (side) => Array(side * side).fill(1 / (side * side));
const only = (side) => Array.from({ length: side * side }, (_, i) => (i === (side * side - 1) / 2 ? 1 : 0));
const outer = (row) => row.flatMap((a) => row.map((b) => a * b));
const GAUSS = [1, 4, 6, 4, 1].map((x) => x / 16);
const GAUSS_5 = outer(GAUSS);

/** name → { 3: numbers, 5: numbers } */
export const KERNELS = {
  "Identity": { 3: only(3), 5: only(5) },
  "Edge detection": {
    3: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
    5: [0, 0, -1, 0, 0, 0, -1, -2, -1, 0, -1, -2, 16, -2, -1, 0, -1, -2, -1, 0, 0, 0, -1, 0, 0],
  },
  "Upright edges": { 3: [-1, 0, 1, -2, 0, 2, -1, 0, 1], 5: outer([1, 4, 6, 4, 1]).map((_, i) => [1, 4, 6, 4, 1][Math.floor(i / 5)] * [-1, -2, 0, 2, 1][i % 5] / 16) },
  "Sharpen": { 3: [0, -1, 0, -1, 5, -1, 0, -1, 0], 5: only(5).map((x, i) => 2 * x - GAUSS_5[i]) },
  "Box blur": { 3: even(3), 5: even(5) },
  "Gaussian blur": { 3: outer([1, 2, 1]).map((x) => x / 16), 5: GAUSS_5 },
};

/** Figure 5 of the post: a binary picture and the kernel that goes with it. */
export const EXAMPLE = {
  image: { width: 5, height: 5, data: Float64Array.from([1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]) },
  kernel: [1, 0, 1, 0, 1, 0, 1, 0, 1],
};

/** A number as people write it, fractions too: "0.5", "-1", "1/9"; NaN for anything else. */
export function parseNumber(text) {
  const [, top, bottom = "1"] = /^\s*([-−+]?\d*\.?\d+)\s*(?:\/\s*(\d*\.?\d+))?\s*$/.exec(text) ?? [];
  return top === undefined ? NaN : Number(top.replace("−", "-")) / Number(bottom);
}
