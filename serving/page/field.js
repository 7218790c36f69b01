// Receptive fields: which rows and columns of an earlier layer a unit depends on.

const whole = (item) => ({ top: 0, left: 0, bottom: item.height - 1, right: item.width - 1 });

const clipped = (box, item) => ({
  top: Math.max(0, box.top),
  left: Math.max(0, box.left),
  bottom: Math.min(item.height - 1, box.bottom),
  right: Math.min(item.width - 1, box.right),
});

/** The window that a convolution or pooling lays on the layer before, zeros around it included. */
export function windowAt(item, row, column) {
  const top = row * item.stride[0] - item.padding[0];
  const left = column * item.stride[1] - item.padding[1];
  const reach = (axis) => (item.kernel[axis] - 1) * item.dilation[axis];
  return { top, left, bottom: top + reach(0), right: left + reach(1) };
}

/** What `box` of `item` depends on in the layer before it. */
function back(item, before, box) {
  const oneToOne = item.kind === "nonlinearity" && item.size === before.size;
  if (oneToOne) return box;
  if (!item.isMaps || !before.isMaps) return whole(before);
  if (item.kind === "convolution" || item.kind === "pooling") {
    const first = windowAt(item, box.top, box.left);
    const last = windowAt(item, box.bottom, box.right);
    return clipped({ top: first.top, left: first.left, bottom: last.bottom, right: last.right }, before);
  }
  const same = item.height === before.height && item.width === before.width;
  return same ? box : whole(before);
}

const joined = (a, b) => (a ? {
  top: Math.min(a.top, b.top), left: Math.min(a.left, b.left),
  bottom: Math.max(a.bottom, b.bottom), right: Math.max(a.right, b.right),
  maps: [Math.min(a.maps[0], b.maps[0]), Math.max(a.maps[1], b.maps[1])],
} : b);

/** Map from layer name to { top, left, bottom, right, maps: [first, last] }: all that a unit sees. */
export function fields(layers, name, { map, row, column }) {
  const boxes = new Map([[name, { top: row, left: column, bottom: row, right: column, maps: [map, map] }]]);
  for (const current of [...layers.keys()].reverse()) {
    const box = boxes.get(current);
    if (!box) continue;
    const item = layers.get(current);
    for (const input of item.inputs) {
      const before = layers.get(input);
      if (!before) continue;
      const [first] = sourceMaps(item, before, box.maps[0]);
      const [, last] = sourceMaps(item, before, box.maps[1]);
      boxes.set(input, joined(boxes.get(input), { ...back(item, before, box), maps: [first, last] }));
    }
  }
  return boxes;
}

/** The maps of the layer before that one map is made from: [first, last]. */
export function sourceMaps(item, before, map) {
  if (item.kind === "convolution") {
    const each = before.maps / item.groups;
    const group = Math.floor(map / (item.maps / item.groups));
    return [group * each, (group + 1) * each - 1];
  }
  const alone = item.maps === before.maps && item.isMaps === before.isMaps;
  return alone ? [map, map] : [0, before.maps - 1];
}
