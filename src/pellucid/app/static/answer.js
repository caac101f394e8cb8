/* The packed answer of the server: a header and the bytes of the picture and of every layer's maps. */

/** { header, seen, layers } of an answer's ArrayBuffer; a layer has name, shape, channels, bound, signed and steps. */
export function unpacked(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const take = (shape) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const bytes = new Uint8Array(buffer, at, size);
    at += size;
    return bytes;
  };
  const seen = take(header.shape);
  const layers = header.layers.map((layer) => ({ ...layer, steps: take(layer.shape) }));
  return { header, seen, layers };
}

/** What a step of a layer's maps stands for. */
export function valueOf(layer, step) {
  return (layer.signed ? (step - 128) / 127 : step / 255) * layer.bound;
}

/** A number as people read it: three digits that mean something, a true minus. */
export function told(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const extreme = size !== 0 && (size < 0.001 || size >= 10000);
  return (extreme ? value.toExponential(1) : value.toFixed(digits)).replace("-", "−");
}
