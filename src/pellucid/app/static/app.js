/* What every page shares. */

/** Says `words` to screen readers. */
export function announce(words) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = words;
}

/** What is said where no answer comes. */
export const SILENT = '<p class="trouble" role="alert"><strong>The server does not answer.</strong> ' +
  "Start it again with: pellucid serve. Nothing on disk is lost.</p>";

/** The text of a part of a page; a failure's own words where the server gives some, or a sentence that it is gone. */
export async function part(address, options = {}) {
  try {
    const answer = await fetch(address, { credentials: "same-origin", ...options });
    return { ok: answer.ok, status: answer.status, text: await answer.text() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, text: SILENT };
  }
}

// "/" goes to the page's search, as in many programs; not while something is typed
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// forms whose every choice is shown at once
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", (event) => {
    if (event.target.tagName === "SELECT") form.requestSubmit();
  });
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
  });
}
