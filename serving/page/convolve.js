// Convolution as convnets mean it: the kernel is not flipped.

/** Output pixels along one side; 0 where the kernel does not fit. */
export const outputSize = (size, kernel, padding, stride) =>
  Math.max(0, Math.floor((size - kernel + 2 * padding) / stride) + 1);

/** Values under the window that makes output pixel (row, column); zeros outside. */
export function patchAt(image, side, { stride, padding }, row, column) {
  const patch = new Float64Array(side * side);
  for (let i = 0; i < side * side; i += 1) {
    const y = row * stride - padding + Math.floor(i / side);
    const x = column * stride - padding + (i % side);
    const inside = y >= 0 && x >= 0 && y < image.height && x < image.width;
    patch[i] = inside ? image.data[y * image.width + x] : 0;
  }
  return patch;
}

export const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** { data, width, height } of `image` under `kernel` (side × side numbers). */
export function convolve(image, kernel, { stride = 1, padding = 0 } = {}) {
  const side = Math.sqrt(kernel.length);
  const height = outputSize(image.height, side, padding, stride);
  const width = outputSize(image.width, side, padding, stride);
  const data = new Float64Array(width * height);
  for (let i = 0; i < data.length; i += 1) {
    data[i] = dot(patchAt(image, side, { stride, padding }, Math.floor(i / width), i % width), kernel);
  }
  return { data, width, height };
}
