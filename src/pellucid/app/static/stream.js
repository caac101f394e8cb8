/* What the server tells while a page is open. The line is let go while nobody looks: a browser holds few. */

/** Opens the stream of `address`, calling `on[name](content)` for its events; gives what closes it. */
export function listen(address, on) {
  let source = null;

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(address);
    for (const [name, call] of Object.entries(on)) {
      source.addEventListener(name, (event) => call(event.data ? JSON.parse(event.data) : null));
    }
  }

  function close() {
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
