/* Network: the chosen layer's maps of one image; a neuron of it, what it sees and how its value came about. */

import { explain, release } from "./account.js";
import { unpacked } from "./answer.js";
import { part } from "./app.js";
import { framed, imageOf, sized, tables } from "./colours.js";
import { classesOf, LayerView } from "./maps.js";
import { wordsOf } from "./view.js";

const root = document.getElementById("network");
const network = JSON.parse(root.dataset.network);
const info = network.layers.find((one) => one.name === root.dataset.layer);
const colours = tables(network.colours);
const [height, width, channels] = network.shape;
const run = `/run/${encodeURIComponent(network.id)}`;
const trouble = root.querySelector(".trouble");
const told = root.querySelector(".account-told");
const account = document.getElementById("account");
const state = { image: firstImage(), kept: null, pixels: null, answer: null, field: null };

const picked = (neuron, kept) => point(neuron, kept);
const view = new LayerView(info, colours, { side: 104, picked, names: classesOf(network, info) });
root.querySelector(".maps-place").append(view.element);

/** The first image that there is; "" where there are none. */
function firstImage() {
  const [split] = Object.keys(network.images);
  return split ? `${split}/0` : "";
}

/** An image of the data set and its class; a blank one for "". */
async function pictureOf(image) {
  if (!image) return { bytes: new Uint8Array(height * width * channels).fill(network.paper), label: "blank" };
  const found = await part(`${run}/live/image/${image}`);
  if (!found.ok) throw new Error(found.text);
  const { pixels, label } = JSON.parse(found.text);
  return { bytes: Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0)), label };
}

async function load(image) {
  const { bytes, label } = await pictureOf(image).catch((error) => ({ label: error.message }));
  if (!bytes) return complain(label);
  const query = new URLSearchParams({ sequence: 1, height, width, channels, whole: info.name });
  const response = await fetch(`${run}/live/answer?${query}`, { method: "POST", body: bytes });
  if (!response.ok) return complain(await response.text());
  const answer = unpacked(await response.arrayBuffer());
  trouble.hidden = true;
  Object.assign(state, { image, pixels: bytes, answer });
  const words = image ? `${image.replace("/", " image ")}, ${label}` : "a blank picture: the run's images are not here";
  root.querySelector(".seen figcaption").textContent = words;
  document.getElementById("to-live").href = image ? `${run}/live?image=${image}` : `${run}/live`;
  view.update(answer.layers.find((one) => one.name === info.name));
  draw(null);
  if (state.kept) point(state.kept, false);
}

function complain(html) {
  trouble.hidden = false;
  trouble.textContent = wordsOf(html);
}

function draw(field) {
  const zoom = 168 / Math.max(height, width);
  const context = sized(root.querySelector(".seen canvas"), width * zoom, height * zoom);
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  small.getContext("2d").putImageData(imageOf(state.pixels, height, width, channels), 0, 0);
  context.drawImage(small, 0, 0, width * zoom, height * zoom);
  if (!field) return;
  const [top, bottom, left, right] = field;
  framed(context, left * zoom, top * zoom, (right - left + 1) * zoom, (bottom - top + 1) * zoom);
}

let asking = false;
let asked = null;

async function point(neuron, kept) {
  if (kept) {
    state.kept = neuron;
    remember(true);
  }
  const shown = neuron || state.kept;
  view.mark(shown);
  account.classList.toggle("open", Boolean(shown));
  account.querySelector(".account-empty").hidden = Boolean(shown);
  told.hidden = !shown;
  if (!shown) return state.answer && draw(null);
  asked = shown;
  if (asking || !state.answer) return;
  asking = true;
  while (asked) {
    const query = new URLSearchParams({ ...asked, height, width, channels });
    asked = null;
    const found = await part(`${run}/live/neuron?${query}`, { method: "POST", body: state.pixels });
    if (!found.ok) {
      told.innerHTML = found.text;
      continue;
    }
    const answer = JSON.parse(found.text);
    explain(told, answer, { network, colours, follow: (to) => location.assign(addressOf(to)) });
    draw(answer.field);
    if (state.kept) told.prepend(release(letGo));
  }
  asking = false;
}

function letGo() {
  if (!state.kept) return;
  state.kept = null;
  remember(true);
  point(null, false);
}

function addressOf(neuron, image = state.image) {
  const query = new URLSearchParams(location.search);
  for (const name of ["layer", "channel", "row", "column"]) query.delete(name);
  for (const [name, value] of Object.entries(neuron || { layer: info.name })) query.set(name, value);
  if (image) query.set("image", image);
  return `${location.pathname}?${query}`;
}

function remember(push) {
  history[push ? "pushState" : "replaceState"](null, "", addressOf(state.kept));
  keepImage();
}

/** Other layers and the search show the image that the address names. */
function keepImage() {
  const image = new URLSearchParams(location.search).get("image") || "";
  for (const link of document.querySelectorAll('a[href^="?layer="]')) {
    const query = new URLSearchParams(link.search);
    if (image) query.set("image", image);
    else query.delete("image");
    link.href = `?${query}`;
  }
  const field = document.querySelector("form[role=search] input[name=image]");
  field.value = image;
  field.disabled = !image;
}

async function go(step) {
  if (!state.image) return;
  const [split, index] = state.image.split("/");
  const count = network.images[split];
  await load(`${split}/${(Number(index) + step + count) % count}`);
  remember(true);
}

async function restore() {
  keepImage();
  const query = new URLSearchParams(location.search);
  const image = query.get("image") || "";
  const [channel, row, column] = ["channel", "row", "column"].map((name) => Number(query.get(name)) || 0);
  state.kept = query.has("channel") ? { layer: info.name, channel, row, column } : null;
  await load(/^(train|validation|test)\/\d{1,9}$/.test(image) ? image : firstImage());
  if (!state.kept) point(null, false);
}

document.getElementById("previous").addEventListener("click", () => go(-1));
document.getElementById("next").addEventListener("click", () => go(1));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") letGo(); });
window.addEventListener("popstate", () => {
  if ((new URLSearchParams(location.search).get("layer") || info.name) === info.name) restore();
  else location.reload();
});
window.addEventListener("resize", () => view.layer && view.draw());
await restore();
root.dataset.ready = "true";
