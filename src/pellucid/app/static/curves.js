/* Curves of several runs over their epochs, drawn as SVG; they grow as training goes on. */

const CATEGORIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f"];
const DASHES = ["", "6 3", "2 3"];
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 8, right: 16, bottom: 34, left: 56 };

function element(name, attributes = {}, words = "") {
  const one = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  if (words !== "") one.textContent = words;
  return one;
}

/** Round numbers from low to high, about `count` of them. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return { found, step };
}

export class Curves {
  /** place: where to draw. metric, words: what is drawn, and how it is called. */
  constructor(place, metric, words) {
    this.place = place;
    this.metric = metric;
    this.words = words;
    this.series = new Map();
    this.percent = metric.endsWith("accuracy");
    this.at = null;
    this.wanted = false;
    this.frame = document.createElement("div");
    this.frame.className = "plot";
    this.readout = document.createElement("div");
    this.readout.className = "readout";
    this.readout.hidden = true;
    this.legend = document.createElement("ul");
    this.legend.className = "legend";
    place.replaceChildren(this.frame, this.legend);
    this.frame.append(this.readout);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.frame);
  }

  close() {
    this.watcher.disconnect();
  }

  /** Takes the series that changed, as the server tells them. */
  update(changed) {
    for (const one of changed) {
      const before = this.series.get(one.id);  // of a run that is gone what was read stays
      const kept = before && !one.x.length && (one.status === "gone" || one.status === "broken");
      this.series.set(one.id, kept ? { ...before, status: one.status } : one);
    }
    this.draw();
  }

  /** Takes the keys' focus, also where nothing is drawn yet; at: the epoch that was told, null for none. */
  focus(at) {
    this.wanted = !this.drawing;
    if (this.wanted) return;
    this.drawing.focus({ preventScroll: true });
    if (at !== null) this.show(at);
  }

  groups() {
    const found = new Map();
    for (const one of this.series.values()) {
      if (!found.has(one.group)) found.set(one.group, { key: one.group, label: one.label, runs: [] });
      found.get(one.group).runs.push(one);
    }
    return [...found.values()].map((group, k) => ({
      ...group,
      colour: CATEGORIES[k % CATEGORIES.length],
      dash: DASHES[Math.floor(k / CATEGORIES.length) % DASHES.length],
    }));
  }

  told(value) {
    if (value === null || value === undefined) return "–";
    return this.percent ? `${(100 * value).toFixed(2)} %` : String(Number(value.toPrecision(4)));
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width) return;
    const height = Math.round(Math.min(320, Math.max(200, width * 0.42)));
    const groups = this.groups();
    const all = [...this.series.values()];
    const values = all.flatMap((one) => one.y).filter((value) => value !== null);
    const last = Math.max(1, ...all.map((one) => (one.status === "running" ? one.epochs || 0 : 0)),
                          ...all.map((one) => one.x.at(-1) || 0));
    let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
    if (high - low < 1e-9) [low, high] = this.percent ? [low - 0.01, high + 0.01] : [low - Math.abs(low || 1) * 0.05, high + Math.abs(high || 1) * 0.05];
    const room = (high - low) * 0.06;
    low = this.percent ? Math.max(0, low - room) : low - room;
    high = this.percent ? Math.min(1, high + room) : high + room;
    const x = (epoch) => MARGIN.left + ((epoch - 1) / Math.max(last - 1, 1)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    this.scales = { x, last, width };

    const drawing = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0" });
    drawing.setAttribute("aria-label", this.summary(groups));
    const down = ticks(low, high, 5);
    for (const value of down.found) {
      const at = y(value);
      drawing.append(element("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at }));
      const digits = this.percent ? Math.max(0, -Math.floor(Math.log10(down.step * 100) + 1e-9)) : 0;
      const words = this.percent ? `${(100 * value).toFixed(digits)} %` : String(Number(value.toPrecision(3)));
      drawing.append(element("text", { class: "tick", x: MARGIN.left - 8, y: at + 4, "text-anchor": "end" }, words));
    }
    const across = ticks(1, Math.max(last, 2), Math.max(2, Math.min(last - 1, Math.floor(width / 90))));
    const marked = across.found.filter((one) => Number.isInteger(one) && one < last - across.step / 2);
    const epochs = new Set([1, ...marked, last]);
    for (const epoch of epochs) {
      drawing.append(element("text", { class: "tick", x: x(epoch), y: height - 14, "text-anchor": "middle" }, epoch));
    }
    drawing.append(element("text", { class: "tick", x: width - MARGIN.right, y: height - 1, "text-anchor": "end" }, "epoch"));

    for (const group of groups) {
      for (const one of group.runs) {
        const points = one.x.map((epoch, k) => [epoch, one.y[k]]).filter(([, value]) => value !== null);
        if (!points.length) continue;
        const path = points.map(([epoch, value], k) => `${k ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
        drawing.append(element("path", {
          class: "curve", d: path, stroke: group.colour, "stroke-dasharray": group.dash, "data-run": one.id,
          "data-group": group.key,
        }));
        const [epoch, value] = points.at(-1);
        if (points.length === 1 || one.status === "running") {
          drawing.append(element("circle", {
            class: one.status === "running" ? "tip live" : "tip", cx: x(epoch), cy: y(value), r: 3.5, fill: group.colour,
          }));
        }
      }
    }
    this.cursor = element("line", { class: "cursor", y1: MARGIN.top, y2: height - MARGIN.bottom, visibility: "hidden" });
    drawing.append(this.cursor);
    drawing.addEventListener("pointermove", (event) => {
      const box = drawing.getBoundingClientRect();
      const share = (event.clientX - box.left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
      this.show(Math.round(1 + share * (last - 1)));
    });
    drawing.addEventListener("pointerleave", () => this.hide());
    drawing.addEventListener("blur", () => this.hide());
    drawing.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };
      if (event.key === "Escape") this.hide();
      if (!(event.key in steps)) return;
      event.preventDefault();
      this.show((this.at ?? (steps[event.key] > 0 ? 0 : last + 1)) + steps[event.key]);
    });
    const focused = this.wanted || document.activeElement === this.drawing;
    this.wanted = false;
    if (this.drawing) this.drawing.replaceWith(drawing);
    else this.frame.prepend(drawing);
    this.drawing = drawing;
    if (focused) drawing.focus({ preventScroll: true });
    if (this.at !== null) this.show(this.at);
    this.write(groups);
  }

  /** What the drawing says, for those who do not see it. */
  summary(groups) {
    const parts = groups.map((group) => {
      const { epoch, value } = this.newest(group);
      return `${group.label}: ${this.told(value)}${epoch ? ` at epoch ${epoch}` : ""}`;
    });
    return `${this.words} by epoch. Newest values: ${parts.join("; ")}. Arrow keys go through the epochs.`;
  }

  /** Of a group the mean at the last epoch that all of its runs with epochs have: of how many runs, and which epoch. */
  newest(group) {
    const begun = group.runs.filter((one) => one.x.length);
    const epoch = begun.length ? Math.min(...begun.map((one) => one.x.at(-1))) : 0;
    const known = begun.map((one) => one.y[one.x.indexOf(epoch)]).filter((value) => value !== null && value !== undefined);
    return { epoch, value: this.mean(known), count: known.length };
  }

  mean(values) {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }

  show(wanted) {
    const { x, last, width } = this.scales;
    const epoch = Math.max(1, Math.min(last, wanted));
    this.at = epoch;
    const at = x(epoch);
    for (const name of ["x1", "x2"]) this.cursor.setAttribute(name, at);
    this.cursor.setAttribute("visibility", "visible");
    const rows = this.groups().map((group) => {
      const found = group.runs.map((one) => one.y[one.x.indexOf(epoch)]);
      return { group, value: this.mean(found) };
    }).filter((row) => row.value !== null).sort((a, b) => b.value - a.value);
    const title = document.createElement("strong");
    title.textContent = `epoch ${epoch}`;
    this.readout.replaceChildren(title, ...rows.slice(0, 12).map(({ group, value }) => {
      const line = document.createElement("span");
      const words = document.createElement("span");
      words.textContent = group.label;
      const number = document.createElement("b");
      number.textContent = this.told(value);
      line.append(swatch(group), words, number);
      return line;
    }));
    this.readout.hidden = false;
    const half = at > width / 2;
    this.readout.style.left = half ? "auto" : `${at + 12}px`;
    this.readout.style.right = half ? `${width - at + 12}px` : "auto";
  }

  hide() {
    this.at = null;
    this.readout.hidden = true;
    this.cursor?.setAttribute("visibility", "hidden");
  }

  write(groups) {
    this.legend.replaceChildren(...groups.map((group) => {
      const item = document.createElement("li");
      const name = document.createElement(group.runs.length === 1 ? "a" : "span");
      name.textContent = group.label;
      if (group.runs.length === 1) name.href = `/run/${encodeURIComponent(group.runs[0].id)}`;
      const value = document.createElement("b");
      const newest = this.newest(group);
      value.textContent = this.told(newest.value);
      const many = document.createElement("span");
      many.className = "quiet";
      const running = group.runs.filter((one) => one.status === "running").length;
      const lost = group.runs.filter((one) => one.status === "gone" || one.status === "broken").length;
      many.textContent = [
        group.runs.length > 1 && newest.count ? `mean of ${newest.count}` : "",
        newest.count ? `epoch ${newest.epoch}` : "",
        running ? "running" : "",
        lost ? (group.runs.length > 1 ? `${lost} gone` : "gone") : "",
      ].filter(Boolean).join(", ");
      item.append(swatch(group), name, value, many);
      const light = (on) => {
        this.frame.classList.toggle("lit", on);
        for (const path of this.frame.querySelectorAll(".curve")) {
          path.classList.toggle("on", on && path.dataset.group === group.key);
        }
      };
      item.addEventListener("pointerenter", () => light(true));
      item.addEventListener("pointerleave", () => light(false));
      return item;
    }));
  }
}

function swatch(group) {
  const drawing = element("svg", { width: 22, height: 10, "aria-hidden": "true", class: "swatch" });
  drawing.append(element("line", {
    x1: 1, x2: 21, y1: 5, y2: 5, stroke: group.colour, "stroke-width": 3, "stroke-dasharray": group.dash,
  }));
  return drawing;
}
