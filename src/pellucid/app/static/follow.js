/* The curves of a page that shows them: drawn, followed while training goes on, by the metric that the address has. */

import { Curves } from "/static/curves.js";
import { listen } from "/static/stream.js";

/** Follows the runs of the page's chart; gives what ends it. changed: is also called with the series that changed.
    training: a run whose training is followed too, moved: is called with its state. */
export function follow({ changed = () => {}, training = "", moved = () => {} } = {}) {
  const chart = document.getElementById("chart");
  const metric = document.getElementById("metric");
  if (!chart) return () => {};
  let curves;
  let close = () => {};

  const begin = () => {
    close();
    curves?.close();
    curves = new Curves(chart, metric.value, metric.selectedOptions[0].textContent);
    const query = new URLSearchParams({ metric: metric.value });
    for (const run of chart.dataset.runs.split(" ")) query.append("run", run);
    if (training) query.set("training", training);
    close = listen(() => `/events?${query}`, {
      training: moved,
      curves: (series) => {
        curves.update(series);
        changed(series);
      },
    });
  };

  metric.addEventListener("change", () => {
    const query = new URLSearchParams(location.search);
    if (metric.selectedIndex) query.set("metric", metric.value);
    else query.delete("metric");
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
    begin();
  });
  begin();
  return () => close();
}
