// Draws the charts of a page from the specifications beside them, and opens the images behind the cells of matrices.
// window.pellucid.start(root) does both for what was put into the page later.
"use strict";

(() => {
  const options = {
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted: a page may forbid eval
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };

  /** The specification for a place of `room` pixels: narrower charts, fewer panels in a row. */
  function fitted(spec, room) {
    const most = Math.max(180, room - 110);
    if (spec.concat) {
      for (const panel of spec.concat) if (panel.width > most) panel.width = most;
      const wide = Math.max(...spec.concat.map((panel) => panel.width || 200)) + 90;
      spec.columns = Math.max(1, Math.min(spec.columns || 1, Math.floor(room / wide)));
    } else if (spec.width > most) {
      spec.width = most;
    }
    return spec;
  }

  async function draw(place) {
    if (place.dataset.drawn) return;
    place.dataset.drawn = "yes";
    const target = document.createElement("div");
    place.append(target);
    const spec = JSON.parse(place.querySelector("script").textContent);
    await window.vegaEmbed(target, fitted(spec, place.clientWidth || 600), options);
  }

  function open(button) {
    const matrix = button.closest(".cells");
    const panel = matrix.querySelector(".behind");
    const again = button.getAttribute("aria-expanded") === "true";
    for (const one of matrix.querySelectorAll("[aria-expanded=true]")) one.setAttribute("aria-expanded", "false");
    panel.replaceChildren();
    if (again) return;
    button.setAttribute("aria-expanded", "true");
    const { width, height, across, scale } = matrix.dataset;
    const title = document.createElement("p");
    title.textContent = button.dataset.words;
    panel.append(title);
    const list = document.createElement("ul");
    list.className = "tiles";
    const captions = JSON.parse(button.dataset.captions);
    captions.forEach((caption, k) => {
      const at = Number(button.dataset.first) + k;
      const item = document.createElement("li");
      const tile = document.createElement("i");
      tile.style.backgroundImage = `url(${matrix.querySelector(".sprite").src})`;
      tile.style.backgroundSize = `${across * width * scale}px auto`;
      tile.style.width = `${width * scale}px`;
      tile.style.height = `${height * scale}px`;
      const x = (at % across) * width * scale;
      const y = Math.floor(at / across) * height * scale;
      tile.style.backgroundPosition = `-${x}px -${y}px`;
      const words = document.createElement("span");
      words.textContent = caption;
      item.style.width = `${Math.max(width * scale, 72)}px`;
      item.append(tile, words);
      list.append(item);
    });
    panel.append(list);
  }

  async function start(root) {
    for (const button of root.querySelectorAll(".cells button")) {
      button.addEventListener("click", () => open(button));
    }
    for (const place of root.querySelectorAll(".chart")) {
      try {
        await draw(place);
      } catch (error) {
        place.append("This chart cannot be drawn here.");
        console.error(error);
      }
    }
    document.documentElement.dataset.charts = "drawn";
  }

  window.pellucid = { start };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => start(document));
  else start(document);
})();
