/* Parts of a page that are fetched when one comes to them: <section data-part="address">. */

import { part } from "/static/app.js";

const left = new AbortController();
window.addEventListener("pagehide", () => left.abort());

/** Fetches a section's content in place of what stands there. With data-keep its heading and
    what is of class "stays" stay. */
async function load(section) {
  if (section.dataset.loaded) return;
  section.dataset.loaded = "yes";
  section.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await part(section.dataset.part, { signal: left.signal });
  } catch {
    return;  // the page is being left
  }
  section.setAttribute("aria-busy", "false");
  if (answer.status === 204) {
    section.hidden = true;
    mention(section);
    return;
  }
  mention(section);
  const kept = section.querySelectorAll(":scope > h2, :scope > .stays");
  const content = document.createElement("template");
  content.innerHTML = answer.text;
  if ("keep" in section.dataset || !answer.ok) section.replaceChildren(...kept, content.content);
  else section.replaceChildren(content.content);
  await window.pellucid?.start(section);
  // what scrolls can be scrolled by keys too
  for (const one of section.querySelectorAll("figure, .wide, .chart, .drawing")) {
    if (one.scrollWidth > one.clientWidth + 1) one.tabIndex = 0;
  }
}

/** Whether the list of contents names a section: those that do not apply, or not yet, are left out. */
function mention(section) {
  const link = document.querySelector(`.contents a[href="#${section.id}"]`);
  if (link) link.parentElement.hidden = section.hidden;
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        watcher.unobserve(entry.target);
        load(entry.target);
      }
    }
  },
  { rootMargin: "300px 0px" },
);

/** Watches every section of the page; those that were loaded are loaded again. */
export function watch() {
  for (const section of document.querySelectorAll("[data-part]")) {
    delete section.dataset.loaded;
    section.hidden = false;  // what did not apply may do so now; what is not there is never come to
    watcher.unobserve(section);
    watcher.observe(section);
  }
}

/** Goes to the section that the address names, loading it first so that it stays where it is. */
export async function arrive() {
  const section = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!section?.dataset.part) return;
  await load(section);
  section.scrollIntoView();
}
