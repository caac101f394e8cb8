/* Live: everything follows the hand. The address holds the whole state: images, neurons and the second run in the query,
   the drawing and what was done to it behind the "#", which is never sent. */

import { explain, release } from "./account.js";
import { part } from "./app.js";
import { bytesFromText, bytesToText, Pad, strokesFromText, strokesToText } from "./pad.js";
import { View, wordsOf } from "./view.js";

const root = document.getElementById("live");
const networks = JSON.parse(root.dataset.networks);
const [network] = networks;
const find = (id) => document.getElementById(id);
const controls = Object.fromEntries(
  [
    "split", "index", "previous", "next", "class", "any", "file",
    "undo", "clear", "width", "ink", "angle", "noise", "invert", "centre", "reset",
  ].map((id) => [id, find(id)]),
);

/** What is in the address beside the pad's own: image "test/12", neuron, and the settings. */
const state = { image: "", label: "", neuron: null, side: 0, invert: false, noise: 0, centre: false };

/* ---- A neuron's account ---- */

const accountBox = find("account");
let asking = false;
let asked = null;

/** A neuron is pointed at, or kept; null: the pointer has left the maps. */
function point(view, neuron, kept) {
  if (kept) {
    const same = state.neuron && state.side === view.side && key(state.neuron) === key(neuron);
    state.neuron = same ? null : neuron;
    state.side = view.side;
    remember(true);
  }
  show(view, neuron || state.neuron);
}

const key = (neuron) => [neuron.layer, neuron.channel, neuron.row, neuron.column].join("/");

function show(view, neuron) {
  const shown = neuron && (neuron === state.neuron ? views[state.side] : view);
  for (const one of views) {
    for (const layer of one.layers) {
      const here = one === shown && neuron.layer === layer.info.name ? neuron : null;
      if (here || layer.marked) layer.mark(here);
    }
    if (one !== shown && one.field) one.drawSeen(null);
  }
  accountBox.classList.toggle("open", Boolean(neuron));
  accountBox.classList.toggle("kept", Boolean(state.neuron));
  accountBox.querySelector(".account-empty").hidden = Boolean(neuron);
  accountBox.querySelector(".account-told").hidden = !neuron;
  if (neuron) account(shown, neuron);
}

/** Asks how a neuron came to its value on the picture of the newest answer. */
async function account(view, neuron) {
  asked = { view, neuron };
  if (asking || !view.answer) return;
  asking = true;
  while (asked) {
    const now = asked;
    asked = null;
    const [height, width, channels] = now.view.info.shape;
    const address = now.view.address("neuron", { ...now.neuron, height, width, channels });
    const found = await part(address, { method: "POST", body: now.view.answer.seen.slice() });
    const place = accountBox.querySelector(".account-told");
    if (!found.ok) {
      place.innerHTML = found.text;
      continue;
    }
    const answer = JSON.parse(found.text);
    const follow = (to) => point(now.view, to, true);
    explain(place, answer, { network: now.view.info, colours: now.view.colours, follow });
    now.view.drawSeen(answer.field);
    if (state.neuron) place.prepend(release(letGo));
  }
  asking = false;
}

function letGo() {
  if (!state.neuron) return;
  state.neuron = null;
  remember(true);
  for (const view of views) view.drawSeen(null);
  show(views[0], null);
}

/* ---- The pad and its tools ---- */

const pad = new Pad(find("pad"), network, (event) => {
  if (!event) remember(false);
  else changed(event.timeStamp);
});
const views = networks.map((info, side) => {
  const place = document.querySelector(`.view[data-side="${side}"]`);
  return new View(place, info, side, { pad, state, point, account });
});

/** Anything of the picture has changed: tools and answers follow. since: when a hand did it, for the time it takes. */
function changed(since = null) {
  find("invitation").hidden = !pad.blank;
  controls.undo.disabled = !pad.strokes.length;
  const moved = [
    pad.dx && `${Math.abs(pad.dx)} ${pad.dx < 0 ? "left" : "right"}`,
    pad.dy && `${Math.abs(pad.dy)} ${pad.dy < 0 ? "up" : "down"}`,
  ];
  find("moved").textContent = moved.filter(Boolean).join(", ") || "not moved";
  controls.angle.value = pad.angle;
  controls.noise.value = state.noise;
  controls.invert.checked = state.invert;
  if (controls.centre) controls.centre.checked = state.centre;
  find("angle-told").textContent = `${pad.angle}°`.replace("-", "−");
  find("noise-told").textContent = String(state.noise);
  find("width-told").textContent = Number(controls.width.value).toFixed(1);
  for (const view of views) view.ask(since);
}

/** A change by a tool: drawn, answered, and in the address. */
function edit(change, since) {
  change();
  pad.draw();
  changed(since);
  remember(false);
}

/** Takes an image of the data set, "test/12". */
async function take(image, push) {
  const found = await part(`/run/${encodeURIComponent(network.id)}/live/image/${image}`);
  if (!found.ok) {
    views[0].complain(wordsOf(found.text));
    return;
  }
  const { pixels, label } = JSON.parse(found.text);
  const [split, index] = image.split("/");
  state.image = image;
  state.label = `${split} image ${index}, of class ${label}`;
  state.centre = false;
  pad.strokes = [];
  pad.take(Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0)));
  if (controls.split) [controls.split.value, controls.index.value] = [split, index];
  pad.draw();
  changed();
  if (push !== null) remember(push);
}

/** The image `step` further on in the split, of the chosen class if there is one; 0: any. */
async function go(step) {
  const split = controls.split?.value;
  if (!split) return;
  const count = network.images[split];
  const now = step ? Number(controls.index.value) || 0 : Math.floor(Math.random() * count);
  const label = controls.class.value;
  if (!label) {
    const fresh = !step || (!state.image && step === 1); // nothing is taken yet: begin with the one that is named
    await take(`${split}/${fresh ? now : (now + step + count) % count}`, true);
    return;
  }
  const query = new URLSearchParams({ split, index: now, label, step: step || 1 });
  const found = await part(`/run/${encodeURIComponent(network.id)}/live/find?${query}`);
  if (found.ok) await take(`${split}/${JSON.parse(found.text).index}`, true);
  else views[0].complain(wordsOf(found.text));
}

/** A picture file: read by the server as the run's images are. */
async function drop(file) {
  if (file.size > network.largest) {
    const [most, size] = [network.largest, file.size].map((one) => Math.ceil(one / 2 ** 20));
    views[0].complain(`${file.name}: expected at most ${most} MB, found ${size} MB. Make it smaller first.`);
    return;
  }
  const found = await part(`/run/${encodeURIComponent(network.id)}/live/picture`, { method: "POST", body: file });
  if (!found.ok) {
    views[0].complain(wordsOf(found.text));
    return;
  }
  const { pixels } = JSON.parse(found.text);
  state.image = "";
  state.label = "a picture of yours";
  state.centre = false;
  edit(() => {
    pad.strokes = [];
    pad.take(Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0)));
  });
}

controls.width.addEventListener("input", () => {
  pad.pen.width = Number(controls.width.value);
  find("width-told").textContent = pad.pen.width.toFixed(1);
});
controls.ink?.addEventListener("input", () => { pad.pen.colour = controls.ink.value; });
for (const one of document.querySelectorAll('input[name="pen"]')) {
  one.addEventListener("change", () => { pad.pen.erase = one.value === "erase" && one.checked; });
}
controls.undo.addEventListener("click", () => edit(() => pad.undo()));
controls.clear.addEventListener("click", () => {
  Object.assign(state, { image: "", label: "", centre: Boolean(network.box) });
  edit(() => pad.clear());
});
controls.reset.addEventListener("click", () => {
  Object.assign(state, { invert: false, noise: 0, centre: Boolean(network.box) && !pad.taken });
  edit(() => pad.still());
});
/** A control whose events change the picture by `change`. */
function edits(control, event, change) {
  control?.addEventListener(event, ({ timeStamp }) => edit(change, timeStamp));
}
edits(controls.angle, "input", () => { pad.angle = Number(controls.angle.value); });
edits(controls.noise, "input", () => { state.noise = Number(controls.noise.value); });
edits(controls.invert, "change", () => { state.invert = controls.invert.checked; });
edits(controls.centre, "change", () => { state.centre = controls.centre.checked; });
for (const button of document.querySelectorAll("[data-move]")) {
  const [dx, dy] = button.dataset.move.split(",").map(Number);
  button.addEventListener("click", (event) => move(dx, dy, event.timeStamp));
}
controls.previous?.addEventListener("click", () => go(-1));
controls.next?.addEventListener("click", () => go(1));
controls.any?.addEventListener("click", () => go(0));
controls.class?.addEventListener("change", () => go(1));
controls.split?.addEventListener("change", () => take(`${controls.split.value}/0`, true));
controls.index?.addEventListener("change", () => {
  const split = controls.split.value;
  const index = Math.round(Number(controls.index.value) || 0);
  take(`${split}/${Math.min(Math.max(index, 0), network.images[split] - 1)}`, true);
});
controls.file.addEventListener("change", () => {
  if (controls.file.files[0]) drop(controls.file.files[0]);
  controls.file.value = "";
});
document.querySelector("#beside select").addEventListener("change", (event) => {
  const query = new URLSearchParams(location.search);
  if (event.target.value) query.set("other", event.target.value);
  else query.delete("other");
  remember(false);
  location.assign(`${location.pathname}?${query}${location.hash}`);
});

function move(dx, dy, since) {
  edit(() => {
    pad.dx = Math.max(-pad.width, Math.min(pad.width, pad.dx + dx));
    pad.dy = Math.max(-pad.height, Math.min(pad.height, pad.dy + dy));
  }, since);
}

pad.canvas.addEventListener("keydown", (event) => {
  if (event.metaKey || event.altKey) return;
  const press = (control) => () => { control.checked = !control.checked; control.dispatchEvent(new Event("change")); };
  const pen = (value) => () => document.querySelector(`input[name="pen"][value="${value}"]`).click();
  const keys = {
    ArrowLeft: () => move(-1, 0, event.timeStamp), ArrowRight: () => move(1, 0, event.timeStamp),
    ArrowUp: () => move(0, -1, event.timeStamp), ArrowDown: () => move(0, 1, event.timeStamp),
    "[": () => edit(() => { pad.angle = Math.max(-180, pad.angle - 5); }),
    "]": () => edit(() => { pad.angle = Math.min(180, pad.angle + 5); }),
    i: press(controls.invert), e: pen("erase"), d: pen("draw"), n: () => go(1), p: () => go(-1),
  };
  const chosen = event.ctrlKey ? (event.key === "z" ? () => edit(() => pad.undo()) : null) : keys[event.key];
  if (!chosen) return;
  event.preventDefault();
  chosen();
  pad.canvas.focus();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") letGo(); });
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  root.classList.add("dropping");
});
for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => root.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) drop(file);
});
document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) drop(file);
});
let resizing = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => {
    for (const layer of views.flatMap((view) => view.layers)) if (layer.layer) layer.draw();
  });
});

/* ---- The address ---- */

/** Writes the state into the address; push: as a step that the back button takes back. */
function remember(push) {
  const query = new URLSearchParams();
  const other = new URLSearchParams(location.search).get("other");
  if (other) query.set("other", other);
  if (state.image) query.set("image", state.image);
  if (state.neuron) {
    for (const [name, value] of Object.entries(state.neuron)) query.set(name, value);
    if (state.side) query.set("side", state.side);
  }
  const hash = new URLSearchParams();
  if (pad.taken && !state.image) hash.set("p", bytesToText(pad.taken));
  if (pad.strokes.length) hash.set("d", strokesToText(pad.strokes));
  if (pad.dx || pad.dy) hash.set("m", `${pad.dx},${pad.dy}`);
  if (pad.angle) hash.set("r", pad.angle);
  if (state.noise) hash.set("n", state.noise);
  if (state.invert) hash.set("i", 1);
  if (state.centre !== natural()) hash.set("c", state.centre ? 1 : 0);
  const words = [query.toString() && `?${query}`, hash.toString() && `#${hash}`].filter(Boolean).join("");
  const address = `${location.pathname}${words}`;
  if (address === location.pathname + location.search + location.hash) return;
  history[push ? "pushState" : "replaceState"](null, "", address);
}

/** Whether drawings are centred unless something else is asked for: those of a hand are, pictures are not. */
const natural = () => Boolean(network.box) && !pad.taken;

/** Takes the state from the address. */
async function restore() {
  const query = new URLSearchParams(location.search);
  const hash = new URLSearchParams(location.hash.slice(1));
  pad.clear();
  Object.assign(state, { image: "", label: "", neuron: null, side: 0 });
  const image = query.get("image");
  if (image && /^(train|validation|test)\/\d{1,9}$/.test(image)) await take(image, null);
  const bytes = bytesFromText(hash.get("p") || "");
  if (bytes.length === pad.width * pad.height * pad.channels) {
    pad.take(bytes);
    state.label = "a picture of yours";
  }
  pad.strokes = strokesFromText(hash.get("d") || "");
  [pad.dx, pad.dy] = (hash.get("m") || "0,0").split(",").map((one) => Math.round(Number(one)) || 0);
  pad.angle = Math.round(Number(hash.get("r"))) || 0;
  state.noise = Math.min(Math.max(Math.round(Number(hash.get("n"))) || 0, 0), 255);
  state.invert = hash.get("i") === "1";
  state.centre = hash.has("c") ? hash.get("c") === "1" && Boolean(network.box) : natural();
  if (query.get("layer")) {
    const [channel, row, column] = ["channel", "row", "column"].map((name) => Number(query.get(name)) || 0);
    state.neuron = { layer: query.get("layer"), channel, row, column };
    state.side = Math.min(Number(query.get("side")) || 0, views.length - 1);
  }
  pad.draw();
  changed();
  show(views[state.side], state.neuron);
}

window.addEventListener("popstate", restore);
await restore();
root.dataset.ready = "true";
