// The layers as the model file describes them, in one form whatever the net.

const pair = (value, otherwise) => {
  if (value === undefined || value === null) return [otherwise, otherwise];
  return Array.isArray(value) ? value.slice(0, 2) : [value, value];
};

function layer(given) {
  const [channels, height = 1, width = 1] = given.shape;
  return {
    ...given,
    inputs: given.inputs ?? [],
    isMaps: given.shape.length === 3,
    maps: given.shape.length === 3 ? channels : 1,
    height: given.shape.length === 3 ? height : 1,
    width: given.shape.length === 3 ? width : given.shape.reduce((a, b) => a * b, 1),
    size: given.shape.reduce((a, b) => a * b, 1),
    kernel: pair(given.kernel, 1),
    stride: pair(given.stride, 1),
    padding: pair(given.padding, 0),
    dilation: pair(given.dilation, 1),
    groups: given.groups ?? 1,
  };
}

/** Map from name to layer, in the order in which they run. */
export const layersOf = (given) => new Map(given.map((one) => [one.name, layer(one)]));

/** Numbers of a weight: what decides whether a page should fetch it. */
export function weightSize(item, layers) {
  const before = layers.get(item.inputs[0]);
  if (item.kind === "fully_connected") return item.size * before.size;
  return (item.maps * before.maps * item.kernel[0] * item.kernel[1]) / item.groups;
}

export const valueAt = (item, values, { map, row, column }) =>
  values.data[(map * item.height + row) * item.width + column];

/** Index in the flattened layer → its place. */
export const unitAt = (item, index) => ({
  map: Math.floor(index / (item.height * item.width)),
  row: Math.floor(index / item.width) % item.height,
  column: index % item.width,
});

/** Where a unit is, in words. */
export function placeWords(item, { map, row, column }) {
  if (!item.isMaps) return `unit ${column + 1}`;
  return `map ${map + 1}, row ${row + 1}, column ${column + 1}`;
}

/** The same, short: m3 (12, 7). */
export const placeShort = (item, { map, row, column }) =>
  item.isMaps ? `map ${map + 1} (${row + 1}, ${column + 1})` : `unit ${column + 1}`;
