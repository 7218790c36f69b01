// The layers as the model file describes them, in one form whatever the net.

const pair = (value, otherwise) => {
  if (value === undefined || value === null) return [otherwise, otherwise];
  return Array.isArray(value) ? value.slice(0, 2) : [value, value];
};

const COLOURS = ["red", "green", "blue"];

function layer(given) {
  const [channels, height = 1, width = 1] = given.shape;
  return {
    ...given,
    colours: given.kind === "input" && channels === COLOURS.length ? COLOURS : null,
    classes: null, // names of the units, where each stands for a class
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
export function layersOf(given, classes) {
  const layers = new Map(given.map((one) => [one.name, layer(one)]));
  nameOutputs(layers, classes);
  return layers;
}

/** The last layer has a unit for each class, and so has the one whose scores softmax takes. */
function nameOutputs(layers, classes) {
  let item = [...layers.values()].at(-1);
  while (item && !item.isMaps && item.size === classes.length) {
    item.classes = classes;
    item = item.kind === "softmax" ? layers.get(item.inputs[0]) : null;
  }
}

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

/** A map's number, or the colour that it is of the input. */
export const mapName = (item, map) => item.colours?.[map] ?? `map ${map + 1}`;

const unitName = (item, column) => (item.classes ? `class ${item.classes[column]}` : `unit ${column + 1}`);

/** Where a unit is, in words. */
export const placeWords = (item, { map, row, column }) =>
  item.isMaps ? `${mapName(item, map)}, row ${row + 1}, column ${column + 1}` : unitName(item, column);

/** The same, short: map 3 (12, 7). */
export const placeShort = (item, { map, row, column }) =>
  item.isMaps ? `${mapName(item, map)} (${row + 1}, ${column + 1})` : unitName(item, column);
