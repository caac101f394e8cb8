/* One run: sections that come as one gets to them; the curves while it is trained. */

import { announce, part } from "/static/app.js";
import { Curves } from "/static/curves.js";
import { arrive, watch } from "/static/sections.js";
import { listen } from "/static/stream.js";

watch();
arrive();
window.addEventListener("hashchange", arrive);

// which section one is in
const places = [...document.querySelectorAll(".contents a")];
const nearest = () => {
  const at = places.map((link) => document.getElementById(link.hash.slice(1)))
    .filter((one) => one && !one.hidden && one.getBoundingClientRect().top < innerHeight * 0.35).at(-1);
  for (const link of places) {
    if (at && link.hash === `#${at.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
};
if (places.length) {
  addEventListener("scroll", nearest, { passive: true });
  nearest();
}

// pages with a before and an after: the arrow keys
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, svg, [role=slider]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel) document.querySelector(`a[rel=${rel}]`)?.click();
});

const chart = document.getElementById("chart");
if (chart) {
  const head = document.getElementById("run-head");
  const metric = document.getElementById("metric");
  let curves;
  let close = () => {};

  const follow = () => {
    close();
    curves?.close();
    curves = new Curves(chart, metric.value, metric.selectedOptions[0].textContent);
    const query = new URLSearchParams({ run: head.dataset.run, metric: metric.value });
    close = listen(`/events?${query}`, { curves: changed });
  };

  const changed = async (series) => {
    curves.update(series);
    const { status } = series[0];
    if (status === "gone") {
      announce("This run was deleted.");
      head.insertAdjacentHTML("beforeend",
        '<p class="trouble" role="alert"><strong>This run was deleted.</strong> What is shown was read before.</p>');
      close();
    } else if (status !== head.dataset.status) {
      announce(`The run is ${status}.`);
      const fresh = await part(location.pathname);
      const page = new DOMParser().parseFromString(fresh.text, "text/html");
      const now = page.getElementById("run-head");
      if (!now) return;
      head.replaceChildren(...now.childNodes);
      head.dataset.status = now.dataset.status;
      watch();
    }
  };

  metric.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    if (metric.selectedIndex) query.set("metric", metric.value);
    else query.delete("metric");
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
    follow();
  });
  follow();
}
