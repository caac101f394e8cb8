/* One layer of a network as a picture: its maps side by side, a vector as bars, a sequence as one picture. */

import { told, valueOf } from "./answer.js";
import { framed, painted, sized } from "./colours.js";

const GAP = 4;
const HIGH = 56;

export class LayerView {
  /**
   * info: the layer as the page's data has it. colours: see `tables`. side: CSS pixels of a map, about.
   * picked(neuron, kept): a neuron is pointed at, or clicked; null when the pointer has left. names: of a vector's units.
   */
  constructor(info, colours, { side = 56, picked = () => {}, link = "", names = null } = {}) {
    this.names = names;
    this.info = info;
    this.colours = colours;
    this.side = side;
    this.picked = picked;
    this.marked = null;
    this.at = null;
    this.element = document.createElement("section");
    this.element.className = "layer";
    this.element.dataset.layer = info.name;
    const [channels, rows, columns] = info.shape;
    const size = {
      2: `${channels} units`,
      3: `${channels} units, ${rows} steps`,
    }[info.rank] || `${channels} maps ${rows}×${columns}`;
    this.element.innerHTML =
      '<header><h3></h3><p class="quiet"></p><p class="scale"><canvas aria-hidden="true"></canvas><span></span></p></header>' +
      '<div class="scroll"><canvas class="maps" tabindex="0" role="img"></canvas></div>';
    const title = this.element.querySelector("h3");
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.textContent = info.name;
      title.append(anchor);
    } else title.textContent = info.name;
    this.words = this.element.querySelector("header p");
    this.words.textContent = `${info.kind} · ${size}${info.field ? ` · sees ${info.field.replace("x", "×")}` : ""}`;
    this.canvas = this.element.querySelector("canvas.maps");
    this.canvas.setAttribute("aria-label", `${info.name}: ${size}. Arrow keys go from neuron to neuron.`);
    this.legend = this.element.querySelector(".scale canvas");
    this.scale = this.element.querySelector(".scale span");
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this._point(event, false);
    });
    this.canvas.addEventListener("pointerleave", () => this.picked(null, false));
    this.canvas.addEventListener("click", (event) => this._point(event, true));
    this.canvas.addEventListener("keydown", (event) => this._key(event));
  }

  /** Draws the newest maps: a layer of an unpacked answer. */
  update(layer) {
    this.layer = layer;
    if (layer.channels) {
      const told = ` ${layer.shape[0]} of ${this.info.shape[0]} maps`;
      this.words.textContent = this.words.textContent.replace(/ \d+( of \d+)? maps/, told);
    }
    this.draw();
  }

  /** Marks a neuron, or none. */
  mark(neuron) {
    this.marked = neuron;
    if (this.layer) this.draw();
  }

  draw() {
    const layer = this.layer;
    const table = layer.signed ? this.colours.signed : this.colours.positive;
    this._legend(layer, table);
    const width = Math.max(this.element.clientWidth || 320, 120);
    if (this.info.rank === 2) this._bars(layer, width);
    else this._tiles(layer, table, width);
    const spot = this.marked && this._spot(this.marked);
    if (spot) framed(this.canvas.getContext("2d"), ...spot);
  }

  _legend(layer, table) {
    const context = sized(this.legend, 64, 8);
    const steps = Uint8Array.from({ length: 64 }, (_, k) => (k * 255) / 63);
    context.drawImage(painted(steps, 64, 1, table), 0, 0, 64, 8);
    const bound = told(layer.bound);
    this.scale.textContent = layer.signed ? `−${bound} to ${bound}` : `0 to ${bound}`;
  }

  _tiles(layer, table, width) {
    const [count, rows, columns] = this.info.rank === 3 ? [1, layer.shape[1], layer.shape[0]] : layer.shape;
    const fits = this.side / Math.max(rows, columns);
    const wholes = Math.max(1, Math.min(Math.floor(width / columns), 6));
    const zoom = this.info.rank === 3 ? wholes : fits >= 1 ? Math.round(fits) : fits;
    const [wide, high] = [columns * zoom, rows * zoom];
    const across = Math.max(1, Math.min(count, Math.floor((width + GAP) / (wide + GAP))));
    this.places = { zoom, wide, high, across, rows, columns, count };
    const context = sized(this.canvas, across * (wide + GAP) - GAP, Math.ceil(count / across) * (high + GAP) - GAP);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const steps = this.info.rank === 3 ? transposed(layer.steps, columns, rows) : layer.steps;
    const all = painted(steps, columns, count * rows, table);
    for (let k = 0; k < count; k += 1) {
      const [x, y] = this._corner(k);
      context.drawImage(all, 0, k * rows, columns, rows, x, y, wide, high);
    }
  }

  _bars(layer, width) {
    const count = layer.shape[0];
    const wide = Math.max(2, Math.min(this.names ? 44 : 24, Math.floor(width / count)));
    const context = sized(this.canvas, wide * count, this.names ? HIGH + 18 : HIGH);
    context.clearRect(0, 0, wide * count, HIGH + 18);
    this.places = { wide, count };
    const zero = layer.signed ? HIGH / 2 : HIGH - 1;
    const space = zero - 1;
    for (let k = 0; k < count; k += 1) {
      const value = valueOf(layer, layer.steps[k]) / (layer.bound || 1);
      const strong = value >= 0 && !layer.signed ? this.colours.positive : this.colours.signed;
      const at = value >= 0 && !layer.signed ? 190 : value >= 0 ? 235 : 30;
      context.fillStyle = `rgb(${strong[4 * at]} ${strong[4 * at + 1]} ${strong[4 * at + 2]})`;
      const tall = Math.abs(value) * space;
      context.fillRect(k * wide, value >= 0 ? zero - tall : zero, wide > 3 ? wide - 1 : wide, Math.max(tall, 0.5));
    }
    context.fillStyle = "#84848f";
    context.fillRect(0, zero, wide * count, 0.75);
    if (!this.names) return;
    const style = getComputedStyle(this.element);
    context.fillStyle = style.color;
    context.font = `12px ${style.fontFamily}`;
    context.textAlign = "center";
    const letters = Math.max(2, Math.floor(wide / 7));
    const fitting = (name) => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name);
    this.names.forEach((name, k) => context.fillText(fitting(name), (k + 0.5) * wide, HIGH + 14));
  }

  _corner(k) {
    const { wide, high, across } = this.places;
    return [(k % across) * (wide + GAP), Math.floor(k / across) * (high + GAP)];
  }

  /** x, y, width, height of a neuron in CSS pixels; null where its channel is not told. */
  _spot(neuron) {
    const index = this.layer.channels ? this.layer.channels.indexOf(neuron.channel) : neuron.channel;
    if (index < 0 || !this.places) return null;
    if (this.info.rank === 2) return [index * this.places.wide, 1, this.places.wide, HIGH - 2];
    const { zoom } = this.places;
    if (this.info.rank === 3) return [index * zoom, neuron.row * zoom, zoom, zoom];
    const [x, y] = this._corner(index);
    return [x + neuron.column * zoom, y + neuron.row * zoom, zoom, zoom];
  }

  _point(event, kept) {
    const box = this.canvas.getBoundingClientRect();
    const neuron = this._neuron(event.clientX - box.left, event.clientY - box.top);
    if (neuron) this.at = neuron;
    if (neuron || !kept) this.picked(neuron, kept);
  }

  _neuron(x, y) {
    if (!this.places || x < 0 || y < 0) return null;
    const { zoom, wide, high, across, rows, columns, count } = this.places;
    if (this.info.rank === 2) {
      const index = Math.floor(x / wide);
      return index < count ? this._named(index, 0, 0) : null;
    }
    if (this.info.rank === 3) {
      const [unit, row] = [Math.floor(x / zoom), Math.floor(y / zoom)];
      return unit < columns && row < rows ? this._named(unit, row, 0) : null;
    }
    const [left, top] = [Math.floor(x / (wide + GAP)), Math.floor(y / (high + GAP))];
    const [column, row] = [Math.floor((x - left * (wide + GAP)) / zoom), Math.floor((y - top * (high + GAP)) / zoom)];
    const index = top * across + left;
    return left < across && index < count && column < columns && row < rows ? this._named(index, row, column) : null;
  }

  _named(index, row, column) {
    return { layer: this.info.name, channel: this.layer.channels ? this.layer.channels[index] : index, row, column };
  }

  _key(event) {
    const steps = {
      ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
      PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
    };
    if (!this.layer || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && this.at) {
      this.picked(this.at, true);
    } else if (event.key in steps) {
      const channels = this.layer.channels || Array.from({ length: this.info.shape[0] }, (_, k) => k);
      const now = this.at || { layer: this.info.name, channel: channels[0], row: 0, column: 0 };
      let [channel, row, column] = steps[event.key];
      if (this.info.rank !== 4) [channel, column] = [channel || column, 0]; // units lie side by side
      const index = Math.min(Math.max(channels.indexOf(now.channel) + channel, 0), channels.length - 1);
      const [, rows, columns] = this.info.shape;
      this.at = {
        layer: this.info.name,
        channel: channels[index],
        row: Math.min(Math.max(now.row + row, 0), rows - 1),
        column: Math.min(Math.max(now.column + column, 0), columns - 1),
      };
      this.picked(this.at, false);
    } else return;
    event.preventDefault();
  }
}

/** The names of the classes where the layer is a network's last, which has a unit for each; else null. */
export function classesOf(network, info) {
  const last = info.name === network.layers.at(-1).name && info.rank === 2 && info.shape[0] === network.classes.length;
  return last ? network.classes : null;
}

/** Steps of `wide` x `high` units by steps, laid as rows of steps. */
function transposed(steps, wide, high) {
  const found = new Uint8Array(steps.length);
  for (let unit = 0; unit < wide; unit += 1) {
    for (let row = 0; row < high; row += 1) found[row * wide + unit] = steps[unit * high + row];
  }
  return found;
}
