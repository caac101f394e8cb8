/* The list of runs: searched and sorted in place, all of its state in the address; the curves of chosen runs, live. */

import { announce, part } from "/static/app.js";
import { Curves } from "/static/curves.js";
import { listen } from "/static/stream.js";

const view = document.getElementById("view");
let asked = 0;
let curves = null;
let close = () => {};
let followed = null;

/** The address that the tools, the choice and the present order make. */
function address(changes = {}) {
  const now = new URLSearchParams(location.search);
  const form = view.querySelector("form.tools");
  for (const name of ["q", "network", "data", "status", "group"]) {
    const value = form.elements[name].value.trim();
    if (value) now.set(name, value);
    else now.delete(name);
  }
  now.delete("page");
  for (const [name, value] of Object.entries(changes)) {
    now.delete(name);
    for (const one of [value].flat()) if (one) now.append(name, one);
  }
  const query = now.toString();
  return query ? `/runs?${query}` : "/runs";
}

/** Shows an address in place. How it enters the history: "push", "replace" or not at all. */
async function go(to, history_ = "push") {
  const mine = ++asked;
  if (history_ === "push") history.pushState(null, "", to);
  if (history_ === "replace") history.replaceState(null, "", to);
  const answer = await part(to);
  if (mine !== asked) return;
  if (!answer.ok) {
    const list = view.querySelector("#list");
    list.innerHTML = answer.text;
    list.dataset.stamp = "";  // once the server answers again, it tells that the list is another
    return;
  }
  place(answer.text);
}

/** Puts the new view in, keeping what is typed, focused and drawn. */
function place(text) {
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  if (!fresh.content.querySelector("#list")) {  // no runs any more: another page
    location.reload();
    return;
  }
  const active = document.activeElement;
  const typing = active?.form?.classList.contains("tools") ? active : null;
  const drawing = active?.closest?.("#chart svg") ? { at: curves?.at ?? null } : null;
  const focus = active?.id === "metric" ? "metric"
    : active?.dataset?.focus || active?.getAttribute?.("href") || (active?.name === "run" ? active.value : "");
  if (typing) {
    const now = fresh.content.querySelector("form.tools");
    now.replaceWith(view.querySelector("form.tools"));
  }
  const before = view.querySelector("#chart");
  const after = fresh.content.querySelector("#chart");
  const kept = before && after && before.dataset.runs === after.dataset.runs && curves?.metric === metricOf(fresh.content);
  if (kept) after.replaceWith(before);
  view.replaceChildren(fresh.content);
  if (typing) typing.focus();
  else if (focus) {
    const found = [...view.querySelectorAll("[data-focus], a, input[name=run], #metric")].find(
      (one) => one.id === focus || one.dataset.focus === focus || one.getAttribute("href") === focus
        || (one.name === "run" && one.value === focus),
    );
    found?.focus({ preventScroll: true });
  }
  follow();
  if (drawing) curves?.focus(drawing.at);
  const counted = view.querySelector(".below .quiet:last-child, #list .empty h2");
  if (counted) announce(counted.textContent);
}

function metricOf(root) {
  return root.querySelector("#metric").value;
}

/** Listens to the list, and to the runs that are drawn. */
function follow() {
  const chart = document.getElementById("chart");
  const query = new URLSearchParams();
  if (chart) {
    query.set("metric", metricOf(view));
    for (const run of chart.dataset.runs.split(" ")) query.append("run", run);
  }
  if (followed === String(query)) return;
  followed = String(query);
  close();
  curves?.close();
  curves = chart ? new Curves(chart, metricOf(view), view.querySelector("#metric").selectedOptions[0].textContent) : null;
  const stamp = () => document.querySelector("[data-stamp]").dataset.stamp;
  close = listen(() => `/events?${new URLSearchParams([...query, ["list", stamp()]])}`, {
    curves: (changed) => curves?.update(changed),
    list: () => (view ? go(location.pathname + location.search, "none") : location.reload()),
  });
}

let pause = 0;
view?.addEventListener("input", (event) => {
  if (event.target.type !== "search") return;
  clearTimeout(pause);
  pause = setTimeout(() => go(address(), "replace"), 120);
});

view?.addEventListener("change", (event) => {
  if (event.target.id === "metric") {
    const standard = event.target.options[0].value;
    go(address({ metric: event.target.value === standard ? "" : event.target.value }));
  } else if (event.target.name === "run") {
    const chosen = new URLSearchParams(location.search).getAll("run").filter((one) => one !== event.target.value);
    if (event.target.checked) chosen.push(event.target.value);
    go(address({ run: chosen, page: new URLSearchParams(location.search).get("page") || "" }), "replace");
  } else if (event.target.form?.classList.contains("tools") && event.target.type !== "search") {
    go(address());
  }
});

view?.addEventListener("submit", (event) => {
  event.preventDefault();
  go(address());
});

view?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (link.pathname !== "/runs" || link.origin !== location.origin) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

// j and k, or the arrows, go through the list; x chooses; Enter opens, as on any link
document.addEventListener("keydown", (event) => {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, svg")) return;
  const rows = [...view.querySelectorAll(".run-group .run-row")];
  const here = rows.indexOf(event.target.closest(".run-row"));
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step && (here >= 0 || event.key === "j")) {
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, here + step))]?.querySelector("a.name")?.focus();
  } else if (event.key === "x" && here >= 0) {
    rows[here].querySelector("input[name=run]").click();
  }
});

window.addEventListener("popstate", () => {
  document.activeElement?.blur?.();
  go(location.pathname + location.search, "none");
});

follow();
