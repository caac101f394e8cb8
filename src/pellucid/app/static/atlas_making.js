/* The atlas in the making: how far it is, and the page anew once it is there. */

import { announce } from "./app.js";

const place = document.getElementById("making");
if (place) {
  const [bar, words] = place.children;
  const ask = async () => {
    try {
      const answer = await fetch(`/run/${encodeURIComponent(place.dataset.run)}/atlas/progress`);
      if (!answer.ok) return location.reload();
      const told = await answer.json();
      if (told.over) return location.reload();
      bar.value = told.share;
      words.textContent = told.what;
    } catch {
      words.textContent = "the server does not answer; what is made so far is kept";
    }
    return setTimeout(ask, 400);
  };
  announce("The atlas is being made");
  setTimeout(ask, 400);
}
