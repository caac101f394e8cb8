/* A run that is about to be trained: the page goes on when its state does. */

import { listen } from "/static/stream.js";

const place = document.getElementById("waiting");
listen(() => `/events?${new URLSearchParams({ training: place.dataset.run })}`, {
  training: ({ state, ahead, there }) => {
    if (there || state !== place.dataset.state || String(ahead) !== place.dataset.ahead) location.reload();
  },
});
