/* How a neuron came to its value: patch, filter, products, sum, bias, activation. */

import { told } from "./answer.js";
import { framed, painted, sized, stepOf } from "./colours.js";
import { classesOf } from "./maps.js";

/** CSS pixels of a grid of numbers, about; input channels told of a filter, and of a unit that has one weight each. */
const SIDE = 80;
const [FILTERS, UNITS] = [4, 8];

/**
 * Fills `place` with what the server told of a neuron.
 *
 * network: the page's data of it. follow(neuron): called where a patch's value came from another neuron and is clicked.
 */
export function explain(place, { steps }, { network, colours, follow = null }) {
  const [first] = steps;
  place.replaceChildren(
    element("p", "quiet where", whereIs(first, network)),
    element("h2", "", `${first.layer} = ${told(first.value)}`),
    ...steps.map((step) => account(step, { colours, follow })),
  );
  const weighed = steps.find((step) => step.rule === "sum");
  if (!weighed) return;
  const query = new URLSearchParams({ layer: weighed.layer, channel: weighed.channel });
  const link = element("a", "", `${weighed.layer}, channel ${weighed.channel} in the atlas`);
  link.href = `/run/${encodeURIComponent(network.id)}/atlas?${query}`;
  const line = element("p", "further");
  line.append(link);
  place.append(line);
}

/** Channel, row and column; of a vector its unit, and its class in the last layer. */
function whereIs({ layer, channel, row, column }, network) {
  const info = network.layers.find((one) => one.name === layer);
  const names = classesOf(network, info);
  if (names) return `unit ${channel}: ${names[channel]}`;
  if (info.rank === 2) return `unit ${channel}`;
  return info.rank === 3 ? `unit ${channel}, step ${row}` : `channel ${channel}, row ${row}, column ${column}`;
}

/** One layer's part. */
function account(step, options) {
  const box = element("section", "step");
  const head = element("h3", "", step.layer);
  head.append(" ", element("span", "quiet", step.words));
  box.append(head);
  const n = Object.fromEntries(Object.entries(step.numbers).map(([name, value]) => [name, told(value)]));
  if (step.rule === "function") box.append(sum(`${step.words.replace(/\bx\b/g, n.x)} = `, step.value));
  else if (step.rule === "added") box.append(sum(`body ${n.body} + shortcut ${n.shortcut} = `, step.value));
  else if (step.rule === "normalised") {
    box.append(sum(`(${n.x} − ${n.mean}) / √(${n.variance} + ${n.eps}) · ${n.weight} + ${n.bias} = `, step.value));
  } else if (step.parts.length) {
    const single = step.parts[0].patch.length * step.parts[0].patch[0].length === 1;
    box.append(...(single ? units(step, options) : patches(step, options)));
  }
  return box;
}

/** The name of what a part came from. */
function nameOf(step, part) {
  const from = step.source ? step.source.layer || "image" : "input";
  return step.parts.length > 1 || from !== "image" ? `${from} ${part.channel}` : from;
}

/** The neuron that a patch's cell came from; null where that is not known. */
function sourceOf(step, part, r, c) {
  const { source, spacing, rule } = step;
  if (!source || !source.layer || !part.inside[r][c]) return null;
  if (rule === "largest") return source;
  const [row, column] = [source.row + r * spacing[0], source.column + c * spacing[1]];
  return { layer: source.layer, channel: part.channel, row, column };
}

/** A sum over units that have one weight each, as lines. */
function units(step, { follow }) {
  const list = element("ol", "terms small");
  const shown = step.parts.slice(0, UNITS);
  for (const part of shown) {
    const item = element("li");
    const source = follow && sourceOf(step, part, 0, 0);
    const name = element(source ? "button" : "span", source ? "plain word" : "word", nameOf(step, part));
    if (source) {
      name.type = "button";
      name.addEventListener("click", () => follow(source));
    }
    const product = `${told(part.patch[0][0])} · ${told(part.weights[0][0])}`;
    item.append(name, element("span", "", product), element("span", "total", `= ${told(part.total)}`));
    list.append(item);
  }
  return [list, total(step, shown)];
}

/** A sum over patches, or the window of a pooling, as grids of colours. */
function patches(step, { colours, follow }) {
  const pooled = step.rule !== "sum";
  const shown = step.parts.slice(0, FILTERS);
  const leads = follow && step.source && step.source.layer;
  const goes = leads ? "; click it to go where its value came from" : "";
  const readout = element("p", "cell-told quiet", `Point at a cell for its numbers${goes}.`);
  const times = ({ patch, weights }) => patch.map((row, r) => row.map((one, c) => one * weights[r][c]));
  const products = step.parts.map(times);
  const largest = (grids) => Math.max(...grids.flat(2).map(Math.abs), 0);
  const below = step.parts.some((part) => part.patch.flat().some((value) => value < 0));
  const patchScale = { bound: largest(step.parts.map((part) => part.patch)), signed: below };
  const filterScale = { bound: largest(step.parts.map((part) => part.weights)), signed: true };
  const productScale = { bound: largest(products), signed: true };
  const list = element("ol", "terms");
  shown.forEach((part, k) => {
    const show = (r, c) => { readout.textContent = `row ${r}, column ${c}: ${cellWords(step, part, r, c)}`; };
    const go = leads ? (r, c) => { const to = sourceOf(step, part, r, c); if (to) follow(to); } : null;
    const common = { colours, show };
    const { inside } = part;
    const winner = step.rule === "largest" ? part.weights : null;
    const row = element("div", "grids");
    row.append(grid(part.patch, patchScale, nameOf(step, part), { ...common, go, inside, winner }));
    if (!pooled) {
      row.append(
        element("span", "sign", "×"),
        grid(part.weights, filterScale, "filter", common),
        element("span", "sign", "="),
        grid(products[k], productScale, told(part.total), { ...common, inside }),
      );
    }
    const item = element("li");
    item.append(row);
    list.append(item);
  });
  return [list, readout, total(step, shown)];
}

/** What is told of one cell. */
function cellWords(step, part, r, c) {
  const [value, weight] = [part.patch[r][c], part.weights[r][c]];
  if (!part.inside[r][c]) return "padding, outside of the input";
  if (step.rule === "largest") return weight ? `${told(value)}, the largest` : told(value);
  return `${told(value)} · ${told(weight)} = ${told(value * weight)}`;
}

/** The line that adds up. */
function total(step, shown) {
  if (step.rule === "largest") return sum("the largest: ", step.value);
  if (step.rule === "mean") return sum(`sum / ${step.numbers.count} = `, step.value);
  const hidden = step.parts.slice(shown.length);
  const rest = step.rest + hidden.reduce((all, part) => all + part.total, 0);
  const others = step.others + hidden.length;
  const terms = shown.map((part) => told(part.total));
  if (others) terms.push(`${told(rest)} (${others} others)`);
  if ("bias" in step.numbers) terms.push(`${told(step.numbers.bias)} (bias)`);
  return sum(`${terms.join(" + ").replaceAll("+ −", "− ")} = `, step.total);
}

/**
 * One grid of numbers as colours, with its name below.
 *
 * scale: bound and signed. show(r, c): a cell is pointed at. go(r, c): it is clicked. inside: what is no padding.
 * winner: one where a pooling's largest is.
 */
function grid(values, scale, name, { colours, show, go = null, inside = null, winner = null }) {
  const [rows, columns] = [values.length, values[0].length];
  const cell = Math.max(2, Math.min(18, Math.floor(SIDE / Math.max(rows, columns))));
  const figure = element("figure", go ? "cell-grid goes" : "cell-grid");
  const canvas = document.createElement("canvas");
  const numbers = values.flat().slice(0, 49).map(told).join(", ");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${name}, ${rows} rows of ${columns}: ${numbers}`);
  const context = sized(canvas, columns * cell, rows * cell);
  const steps = Uint8Array.from(values.flat(), (value) => stepOf(value, scale.bound, scale.signed));
  const table = scale.signed ? colours.signed : colours.positive;
  context.drawImage(painted(steps, columns, rows, table), 0, 0, columns * cell, rows * cell);
  const each = (marks, act) => marks.forEach((line, r) => line.forEach((one, c) => act(one, c * cell, r * cell)));
  if (inside) each(inside, (within, x, y) => within || struck(context, x, y, cell));
  if (winner) each(winner, (one, x, y) => one && framed(context, x + 1, y + 1, cell - 2, cell - 2));
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const [r, c] = [(event.clientY - box.top) / cell, (event.clientX - box.left) / cell].map(Math.floor);
    return [Math.min(Math.max(r, 0), rows - 1), Math.min(Math.max(c, 0), columns - 1)];
  };
  canvas.addEventListener("pointermove", (event) => show(...at(event)));
  if (go) canvas.addEventListener("click", (event) => go(...at(event)));
  figure.append(canvas, element("figcaption", "", name));
  return figure;
}

/** A line through a cell that lies outside of the input. */
function struck(context, x, y, cell) {
  context.strokeStyle = "#84848f";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, y + cell);
  context.lineTo(x + cell, y);
  context.stroke();
}

function sum(words, value) {
  const line = element("p", "sum", words);
  line.append(element("strong", "", told(value)));
  return line;
}

function element(tag, className = "", text = "") {
  const found = document.createElement(tag);
  if (className) found.className = className;
  if (text) found.textContent = text;
  return found;
}

/** The button that lets a kept neuron go. */
export function release(letGo) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small release";
  button.textContent = "Let go";
  button.addEventListener("click", letGo);
  return button;
}
