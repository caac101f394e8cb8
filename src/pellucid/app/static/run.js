/* One run: sections that come as one gets to them; the curves while it is trained. */

import { announce, part } from "/static/app.js";
import { follow } from "/static/follow.js";
import { arrive, watch } from "/static/sections.js";

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
  new ResizeObserver(nearest).observe(document.querySelector(".sections"));
}

// pages with a before and an after: the arrow keys
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, svg, [role=slider]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel) document.querySelector(`a[rel=${rel}]`)?.click();
});

const head = document.getElementById("run-head");

/** The head of the page as it is now. */
async function refresh() {
  const page = new DOMParser().parseFromString((await part(location.pathname)).text, "text/html");
  const now = page.getElementById("run-head");
  if (now) head.replaceChildren(...now.childNodes);
}

let state = head?.dataset.training;
const close = follow({
  training: head?.dataset.run,
  changed: async ([{ status }]) => {
    if (!head || status === head.dataset.status) return;
    announce(status === "gone" ? "This run was deleted." : `The run is ${status}.`);
    head.dataset.status = status;
    if (status === "gone") {
      head.insertAdjacentHTML("beforeend",
        '<p class="trouble" role="alert"><strong>This run was deleted.</strong> What is shown was read before.</p>');
      close();
      return;
    }
    await refresh();
    watch();
  },
  moved: (now) => {
    if (now.state === state) return;
    state = now.state;
    refresh();
  },
});
