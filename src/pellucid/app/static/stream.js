/* What the server tells while a page is open. The line is let go while nobody looks: a browser holds few. A server that
   does not answer is asked again until it does. */

import { part, SILENT } from "/static/app.js";

/** Milliseconds after which a stream that was refused is asked for again. */
const PAUSE = 3000;
const ENTER = '<p class="trouble" role="alert"><strong>The server has to be entered anew.</strong> ' +
  "Open the address that pellucid serve printed when it was started last; then this page goes on.</p>";

/** Opens the stream of `address()`, asked each time, calling `on[name](content)` for its events; gives what closes it. */
export function listen(address, on) {
  let source = null;
  let failures = 0;
  let later = 0;

  function open() {
    if (source || document.hidden) return;
    clearTimeout(later);
    const mine = new EventSource(address());
    source = mine;
    mine.addEventListener("open", () => {
      failures = 0;
      say("");
    });
    mine.addEventListener("error", () => {
      failures += 1;
      if (mine.readyState === EventSource.CLOSED) refused(mine);
      else if (failures > 1) say(SILENT);  // of one that broke the browser takes another, mostly at once
    });
    for (const [name, call] of Object.entries(on)) {
      mine.addEventListener(name, (event) => call(event.data ? JSON.parse(event.data) : null));
    }
  }

  /** The browser has given up: whether one has to enter, or nothing can be had at present. */
  async function refused(mine) {
    const { status, text } = await part("/", { redirect: "manual" });
    if (source !== mine) return;  // closed, or opened anew meanwhile
    source = null;
    if (status === 401) say(ENTER);
    else if (failures > 1 || text === SILENT) say(SILENT);
    later = setTimeout(open, PAUSE);
  }

  function close() {
    clearTimeout(later);
    source?.close();
    source = null;
  }

  function looked() {
    if (document.hidden) close();
    else open();
  }

  document.addEventListener("visibilitychange", looked);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", looked);
    window.removeEventListener("pagehide", close);
    window.removeEventListener("pageshow", open);
    close();
  };
}

/** Says it above the page, in view wherever one has scrolled to; "" takes it away. */
function say(html) {
  const place = document.getElementById("silence");
  if (!html) place?.remove();
  else if (place?.innerHTML !== html) {
    const fresh = document.createElement("div");
    fresh.id = "silence";
    fresh.innerHTML = html;
    place?.remove();
    document.getElementById("main").prepend(fresh);
  }
}
