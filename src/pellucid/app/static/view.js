/* One network's half of the Live page: what it gets, its answer, its maps, and its occlusion map. */

import { unpacked } from "./answer.js";
import { announce, part } from "./app.js";
import { framed, imageOf, painted, sized, stepOf, tables } from "./colours.js";
import { classesOf, LayerView } from "./maps.js";

/** Maps of a layer that are shown, at most; all of them are on the network's page. */
const MOST = 32;

/** The words of a page, or of a piece of one. */
export function wordsOf(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.trim().replace(/\s+/g, " ");
}

export class View {
  /**
   * element: where it is shown. info: the page's data of the network. side: 0, or 1 for the second one.
   *
   * page: what all views of the page share: `pad`, `state`, and the calls `point(view, neuron, kept)` when a neuron is
   * pointed at and `account(view, neuron)` when a kept one's value has changed.
   */
  constructor(element, info, side, page) {
    Object.assign(this, { element, info, side, page, busy: false, stale: null, times: [], sequence: 0, hidden: false });
    const colours = tables(info.colours);
    this.colours = colours;
    this.layers = info.layers.map(
      (one) => new LayerView(one, colours, {
        picked: (neuron, kept) => page.point(this, neuron, kept),
        link: `/run/${encodeURIComponent(info.id)}/network?layer=${encodeURIComponent(one.name)}`,
        names: classesOf(info, one),
      }),
    );
    element.querySelector(".layers").append(...this.layers.map((one) => one.element));
    this.seenCanvas = element.querySelector(".seen canvas");
    this.trouble = element.querySelector(".trouble");
    this.predictions = element.querySelector(".predictions");
    this.hide = element.querySelector(".hide-parts");
    this.hide.addEventListener("click", () => {
      this.hidden = !this.hidden;
      this.hide.setAttribute("aria-pressed", String(this.hidden));
      this.hide.textContent = this.hidden ? "No occlusion map" : "Occlusion map";
      element.querySelector(".occlusion figure").hidden = !this.hidden;
      if (this.hidden) this.occlude();
    });
  }

  address(word, more = {}) {
    return `/run/${encodeURIComponent(this.info.id)}/live/${word}?${new URLSearchParams(more)}`;
  }

  /** Asks for the answer to what is on the pad; while one is under way only the newest waits. */
  async ask(since) {
    if (this.busy) {
      this.stale = { since };
      return;
    }
    this.busy = true;
    const sequence = (this.sequence += 1);
    const { pad, state } = this.page;
    const query = {
      sequence, height: pad.canvas.height, width: pad.canvas.width, channels: pad.channels,
      most: MOST, centre: state.centre ? 1 : 0, invert: state.invert ? 1 : 0, noise: state.noise,
    };
    try {
      const response = await fetch(this.address("answer", query), { method: "POST", body: pad.bytes() });
      if (!response.ok) await this.fail(response);
      else {
        const answer = unpacked(await response.arrayBuffer());
        if (answer.header.sequence !== sequence || answer.header.run !== this.info.id) throw new Error("another's answer");
        this.show(answer, since);
      }
    } catch (error) {
      this.complain("The server does not answer. Start it again with: pellucid serve. Your drawing is still here.");
      if (!(error instanceof TypeError)) throw error;
    } finally {
      this.busy = false;
      const stale = this.stale;
      this.stale = null;
      if (stale) this.ask(stale.since);
    }
  }

  async fail(response) {
    this.complain(wordsOf(await response.text()));
    if (response.status === 503) setTimeout(() => this.ask(null), 500);
  }

  complain(words) {
    this.trouble.hidden = !words;
    if (this.trouble.textContent !== words) this.trouble.textContent = words;
  }

  show(answer, since) {
    this.complain("");
    this.answer = answer;
    const by = new Map(answer.layers.map((layer) => [layer.name, layer]));
    for (const one of this.layers) one.update(by.get(one.info.name));
    this.drawSeen();
    this.predict(answer.header.probabilities);
    if (since) this.times = [...this.times.slice(-49), performance.now() - since];
    const middle = [...this.times].sort((a, b) => a - b)[Math.floor(this.times.length / 2)];
    const speed = middle === undefined ? "" : `${Math.round(middle)} ms from hand to answer`;
    this.element.querySelector(".speed").textContent = speed;
    const { state } = this.page;
    this.element.dataset.sequence = answer.header.sequence;
    this.element.dataset.milliseconds = middle === undefined ? "" : middle.toFixed(1);
    if (state.neuron && state.side === this.side) this.page.account(this, state.neuron);
    clearTimeout(this._occluding);
    if (this.hidden) this._occluding = setTimeout(() => this.occlude(), 150);
  }

  drawSeen(field = this.field) {
    this.field = field;
    if (!this.answer) return;
    const [height, width, channels] = this.info.shape;
    const zoom = 112 / Math.max(height, width);
    const context = sized(this.seenCanvas, width * zoom, height * zoom);
    const small = document.createElement("canvas");
    small.width = width;
    small.height = height;
    small.getContext("2d").putImageData(imageOf(this.answer.seen, height, width, channels), 0, 0);
    context.drawImage(small, 0, 0, width * zoom, height * zoom);
    if (!field) return;
    const [top, bottom, left, right] = field;
    framed(context, left * zoom, top * zoom, (right - left + 1) * zoom, (bottom - top + 1) * zoom);
  }

  predict(probabilities) {
    const names = this.info.classes;
    let order = names.map((_, k) => k);
    const best = order.reduce((one, k) => (probabilities[k] > probabilities[one] ? k : one), 0);
    if (names.length > 12) order = [...order].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 10);
    const share = (k) => `${(100 * probabilities[k]).toFixed(1)} %`;
    const verdict = this.element.querySelector(".verdict");
    verdict.querySelector("strong").textContent = names[best];
    verdict.querySelector(".best span").textContent = share(best);
    verdict.classList.toggle("unsure", this.page.pad.blank);
    verdict.querySelector(".source").textContent = this.page.state.label;
    if (this.predictions.children.length !== order.length) {
      this.predictions.replaceChildren(...order.map(() => {
        const item = document.createElement("li");
        item.innerHTML = '<span class="word"></span><span class="level"><span></span></span><span class="percent"></span>';
        return item;
      }));
    }
    order.forEach((k, row) => {
      const item = this.predictions.children[row];
      item.classList.toggle("first", k === best);
      item.querySelector(".word").textContent = names[k];
      item.querySelector(".level span").style.setProperty("width", `${100 * probabilities[k]}%`);
      item.querySelector(".percent").textContent = share(k);
    });
    clearTimeout(this._saying);
    this._saying = setTimeout(() => announce(`${names[best]}, ${share(best)}`), 800);
  }

  /** The probability of the class with a square over each part of the picture. */
  async occlude() {
    if (!this.answer) return;
    const [height, width, channels] = this.info.shape;
    const address = this.address("occlusion", { height, width, channels });
    const found = await part(address, { method: "POST", body: this.answer.seen.slice() });
    if (!found.ok) return;
    const { target, size, whole, probability } = JSON.parse(found.text);
    const [rows, columns] = [probability.length, probability[0].length];
    const zoom = 112 / Math.max(rows, columns);
    const canvas = this.element.querySelector(".occlusion canvas");
    const context = sized(canvas, columns * zoom, rows * zoom);
    const steps = Uint8Array.from(probability.flat(), (value) => stepOf(value, 1, false));
    context.drawImage(painted(steps, columns, rows, this.colours.positive), 0, 0, columns * zoom, rows * zoom);
    const [lowest, all] = [Math.min(...probability.flat()), whole].map((one) => (100 * one).toFixed(1));
    const square = `probability of ${this.info.classes[target]} with a ${size}×${size} square there, white 0, blue 1`;
    const words = `${square}: at the lowest ${lowest} %, with the whole picture ${all} %`;
    this.element.querySelector(".occlusion figcaption").textContent = words;
    canvas.setAttribute("aria-label", words);
  }
}
