/* The form of a training: its state is in the address, what it comes to is shown as one chooses. */

import { announce, part } from "/static/app.js";

const form = document.getElementById("train");
const preview = document.getElementById("preview");
let asked = 0;
let stop = new AbortController();

/** The form's own state as an address: what is empty is left out. */
function query() {
  const found = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) found.append(name, value.trim());
  return found.toString();
}

/** Shows what the form comes to, then how long it takes. */
async function show() {
  const mine = ++asked;
  const state = query();  // what is typed meanwhile asks anew
  stop.abort();
  stop = new AbortController();
  preview.setAttribute("aria-busy", "true");
  try {
    const answer = await part(`/train/preview?${state}`, { signal: stop.signal });
    if (mine !== asked) return;
    preview.innerHTML = answer.text;
    preview.removeAttribute("aria-busy");
    const told = preview.querySelector("#complaints");
    complain(told ? JSON.parse(told.textContent) : {});
    const time = preview.querySelector("#time");
    if (!time) return;
    const measured = await part(`/train/time?${state}`, { signal: stop.signal });
    if (mine === asked) time.innerHTML = measured.ok ? measured.text : "–";
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

/** Puts each complaint beside its field. */
function complain(found) {
  for (const place of form.querySelectorAll("[data-complaint]")) {
    const words = found[place.dataset.complaint] ?? "";
    place.textContent = words;
    const input = form.elements[place.dataset.complaint];
    if (words) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
  document.getElementById("begin").disabled = Object.keys(found).length > 0;
}

let pause = 0;
form.addEventListener("input", (event) => {
  if (event.target.tagName === "SELECT") return;
  clearTimeout(pause);
  pause = setTimeout(() => {
    history.replaceState(null, "", `/train?${query()}`);
    show();
  }, 250);
});

form.addEventListener("change", async (event) => {
  if (event.target.tagName !== "SELECT") return;
  clearTimeout(pause);
  history.pushState(null, "", `/train?${query()}`);
  const summary = event.target.selectedOptions[0].dataset.summary;
  if (summary !== undefined) document.getElementById(`${event.target.id}-help`).textContent = summary;
  if (event.target.id === "network" || event.target.id === "recipe") await again();
  show();
});

/** Other fields and defaults: the form as the server makes it for this address, the focus kept. */
async function again() {
  const answer = await part(location.pathname + location.search);
  const page = new DOMParser().parseFromString(answer.text, "text/html");
  const fresh = page.querySelector(".asked");
  if (!fresh) return;
  const focused = document.activeElement?.id;
  const opened = [...form.querySelectorAll("details.more")].map((one) => one.open);
  form.querySelector(".asked").replaceWith(fresh);
  [...fresh.querySelectorAll("details.more")].forEach((one, k) => { one.open = opened[k] || one.open; });
  if (focused) document.getElementById(focused)?.focus();
  announce("The form has changed.");
}

window.addEventListener("popstate", async () => {
  await again();
  show();
});

form.addEventListener("submit", () => {
  document.getElementById("begin").disabled = true;
});
// a page that comes back from the history may still have its button pressed
window.addEventListener("pageshow", () => {
  document.getElementById("begin").disabled = false;
});

show();
