// Keeps the lists of the home page true while it is open: what has arrived leaves the unfinished and joins the library.
import { take } from "./upload/unfinished.js";

export function startLibrary() {
  const library = document.querySelector("[data-library]");
  if (!library) return;
  document.addEventListener("holdfast:video", ({ detail: { video, state } }) => {
    if (!state || state === "receiving") return;
    const item = document.querySelector(`[data-session][data-video="${CSS.escape(video)}"]`);
    if (item) take(item);
    const here = document.querySelector(`[data-live="${CSS.escape(video)}"], [data-sending="${CSS.escape(video)}"]`);
    if (!here) join(library, video);
    else if (document.querySelector("[data-empty]")) library.closest("section").hidden = true; // "Nothing here yet" below what has just arrived
  });
}

/** Another tab, or another device, brought a file in. */
async function join(library, video) {
  if (new URLSearchParams(location.search).get("page") > 1) return;
  let answer;
  try {
    answer = await fetch(`/videos/${video}/card/`, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  } catch {
    return; // it is there after the next reload
  }
  if (!answer.ok || answer.redirected || library.querySelector(`[data-live="${CSS.escape(video)}"]`)) return;
  const card = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
  library.prepend(document.importNode(card, true));
  document.querySelector("[data-empty]")?.remove();
  library.closest("section").hidden = false;
}
