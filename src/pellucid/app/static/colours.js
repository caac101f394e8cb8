/* Numbers to the palette's colours, and pictures on a canvas. */

const channelsOf = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** 256 colours, four bytes each, mixed evenly between `colours`; share(k) says where between 0 and 1 the k-th lies. */
function table(colours, share) {
  const stops = colours.map(channelsOf);
  const found = new Uint8ClampedArray(256 * 4);
  for (let k = 0; k < 256; k += 1) {
    const at = Math.min(Math.max(share(k), 0), 1) * (stops.length - 1);
    const first = Math.min(Math.floor(at), stops.length - 2);
    for (let c = 0; c < 3; c += 1) {
      found[4 * k + c] = Math.round(stops[first][c] + (at - first) * (stops[first + 1][c] - stops[first][c]));
    }
    found[4 * k + 3] = 255;
  }
  return found;
}

/** The tables of signed and of positive steps, as `answer.js` has them. */
export function tables(colours) {
  return { signed: table(colours.signed, (k) => (k - 1) / 254), positive: table(colours.positive, (k) => k / 255) };
}

/** The step of a value between -bound and bound, or 0 and bound. */
export function stepOf(value, bound, signed) {
  const share = bound > 0 ? value / bound : 0;
  return Math.round(Math.min(Math.max(signed ? share * 127 + 128 : share * 255, 0), 255));
}

/** A canvas of steps, one pixel each. */
export function painted(steps, width, height, colours) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const to = new Uint32Array(image.data.buffer);
  const from = new Uint32Array(colours.buffer);
  for (let k = 0; k < width * height; k += 1) to[k] = from[steps[k]];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** ImageData of bytes H W C, C 1 or 3. */
export function imageOf(bytes, height, width, channels) {
  const image = new ImageData(width, height);
  for (let k = 0; k < width * height; k += 1) {
    for (let c = 0; c < 3; c += 1) image.data[4 * k + c] = bytes[channels === 1 ? k : 3 * k + c];
    image.data[4 * k + 3] = 255;
  }
  return image;
}

/** Makes a canvas `width` x `height` CSS pixels large, sharp on any screen; its context, in CSS pixels. */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
    canvas.style.setProperty("width", `${width}px`);
    canvas.style.setProperty("height", `${height}px`);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.imageSmoothingEnabled = false;
  return context;
}

/** A frame that is seen on light and on dark: a dark line in a light one. */
export function framed(context, x, y, width, height) {
  context.lineWidth = 3;
  context.strokeStyle = "#ffffff";
  context.strokeRect(x, y, width, height);
  context.lineWidth = 1.5;
  context.strokeStyle = "#1b1b1f";
  context.strokeRect(x, y, width, height);
}
