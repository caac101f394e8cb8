/* The drawing pad: strokes, a picture under them, and how both are moved; as points that the server averages. */

import { imageOf } from "./colours.js";

/** Points closer than this to the last one of a stroke, in points of the surface, are left out. */
const CLOSE = 1.5;

export class Pad {
  /** canvas: where it is drawn. network: the page's data. changed(event): anything was drawn; event where a hand did. */
  constructor(canvas, network, changed) {
    const [height, width, channels] = network.shape;
    Object.assign(this, { canvas, network, changed, height, width, channels, fine: network.fine });
    canvas.width = width * this.fine;
    canvas.height = height * this.fine;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.pen = { erase: false, width: network.pen, colour: network.paper ? "#000000" : "#ffffff" };
    this.clear();
    this._drawing = null;
    canvas.addEventListener("pointerdown", (event) => this._down(event));
    canvas.addEventListener("pointermove", (event) => this._move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this._up());
  }

  /** Nothing drawn, nothing taken, nothing moved. */
  clear() {
    this.strokes = [];
    this.taken = null;
    this.still();
  }

  still() {
    Object.assign(this, { dx: 0, dy: 0, angle: 0 });
  }

  /** Puts a picture, bytes H W C of the network's shape, under the strokes; null takes it away. */
  take(bytes) {
    this.taken = bytes;
    if (!bytes) return;
    this._under = document.createElement("canvas");
    this._under.width = this.width;
    this._under.height = this.height;
    this._under.getContext("2d").putImageData(imageOf(bytes, this.height, this.width, this.channels), 0, 0);
  }

  get blank() {
    return !this.taken && !this.strokes.length;
  }

  /** Draws everything anew. */
  draw() {
    const { context, canvas, fine } = this;
    const paper = this.network.paper ? "#ffffff" : "#000000";
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = false;
    context.fillStyle = paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.translate(canvas.width / 2 + this.dx * fine, canvas.height / 2 + this.dy * fine);
    context.rotate((this.angle * Math.PI) / 180);
    context.translate(-canvas.width / 2, -canvas.height / 2);
    if (this.taken) context.drawImage(this._under, 0, 0, canvas.width, canvas.height);
    context.lineCap = "round";
    context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.strokeStyle = stroke.erase ? paper : stroke.colour;
      context.lineWidth = stroke.width * fine;
      context.beginPath();
      const [x, y] = stroke.points[0];
      context.moveTo(x, y);
      if (stroke.points.length === 1) context.lineTo(x + 0.01, y);
      for (const [to, down] of stroke.points.slice(1)) context.lineTo(to, down);
      context.stroke();
    }
  }

  /** The points as bytes H W C, C that of the network. */
  bytes() {
    const { data } = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const count = this.canvas.width * this.canvas.height;
    const found = new Uint8Array(count * this.channels);
    if (this.channels === 1) for (let k = 0; k < count; k += 1) found[k] = data[4 * k];
    else for (let k = 0; k < count; k += 1) found.set(data.subarray(4 * k, 4 * k + 3), 3 * k);
    return found;
  }

  undo() {
    this.strokes.pop();
  }

  /** Where an event is on the picture, as it was before it was turned and moved. */
  _at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [half, tall] = [this.canvas.width / 2, this.canvas.height / 2];
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width - half - this.dx * this.fine;
    const y = ((event.clientY - box.top) / box.height) * this.canvas.height - tall - this.dy * this.fine;
    const turn = (-this.angle * Math.PI) / 180;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    return [Math.round(x * cos - y * sin + half), Math.round(x * sin + y * cos + tall)];
  }

  _down(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const erase = this.pen.erase || event.buttons === 32; // the other end of a stylus
    this._drawing = { ...this.pen, erase, points: [this._at(event)] };
    this.strokes.push(this._drawing);
    this.draw();
    this.changed(event);
  }

  _move(event) {
    if (!this._drawing) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    let more = false;
    for (const one of all.length ? all : [event]) {
      const [x, y] = this._at(one);
      const [beforeX, beforeY] = this._drawing.points.at(-1);
      if (Math.hypot(x - beforeX, y - beforeY) < CLOSE) continue;
      this._drawing.points.push([x, y]);
      more = true;
    }
    if (!more) return;
    this.draw();
    this.changed(event);
  }

  _up() {
    if (!this._drawing) return;
    this._drawing = null;
    this.changed(null);
  }
}

/** Strokes as letters for an address: pen, width, colour, count, then points; two bytes a number. */
export function strokesToText(strokes) {
  const bytes = [];
  const two = (value) => [value & 255, (value >> 8) & 255];
  for (const { erase, width, colour, points } of strokes) {
    const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    bytes.push(erase ? 1 : 0, ...two(Math.round(width * 10)), ...rgb, ...two(points.length));
    for (const point of points) for (const one of point) bytes.push(...two(one));
  }
  return bytesToText(bytes);
}

/** What `strokesToText` wrote; as far as it can be read. */
export function strokesFromText(text) {
  const bytes = bytesFromText(text);
  const found = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const [erase, thin, thick, red, green, blue, low, high] = bytes.slice(at, at + 8);
    const [width, count] = [thin + 256 * thick, low + 256 * high];
    at += 8;
    if (!count || at + 4 * count > bytes.length) break;
    const points = [];
    for (let k = 0; k < count; k += 1, at += 4) {
      points.push([0, 2].map((more) => ((bytes[at + more] | (bytes[at + more + 1] << 8)) << 16) >> 16));
    }
    const colour = `#${[red, green, blue].map((one) => one.toString(16).padStart(2, "0")).join("")}`;
    found.push({ erase: erase === 1, width: width / 10, colour, points });
  }
  return found;
}

/** Bytes as base64 that needs no escaping in an address. */
export function bytesToText(bytes) {
  let text = "";
  for (const one of bytes) text += String.fromCharCode(one);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** What `bytesToText` wrote; nothing of what cannot be read. */
export function bytesFromText(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
