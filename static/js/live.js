// One stream of news per page. A card or page part whose video changed is fetched again from the server, which draws everything.
import { localTimes } from "./times.js";
import { startPlayers } from "./player.js";

const POLL_MS = 10_000;
const GATHER_MS = 250;
const BUSY = new Set(["receiving", "checking", "converting", "blocked"]);
const waiting = new Map();
const drawn = new WeakMap(); // what the server sent for an element, before times and players changed it
let polling = null;

/** Start listening. Without a stream (old browser, blocked, server busy) the page asks every ten seconds instead. */
export function startLive(address) {
  if (!address) return;
  if (!window.EventSource) return poll();
  let source = null;
  const open = () => {
    source = new EventSource(address); // reconnects by itself and sends Last-Event-ID
    source.addEventListener("open", () => {
      stopPolling();
      for (const element of document.querySelectorAll("[data-live]")) if (BUSY.has(element.dataset.state)) refresh(element); // news from before the stream stood
    });
    source.addEventListener("error", () => {
      poll();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, POLL_MS); // refused outright: the browser has given up, we have not
    });
    source.addEventListener("video.changed", (event) => videoChanged(JSON.parse(event.data)));
    source.addEventListener("ticket.changed", (event) => changed(JSON.parse(event.data).ticket));
    source.addEventListener("job.progress", (event) => progressed(JSON.parse(event.data)));
    for (const kind of ["notification.created", "notification.read"]) {
      source.addEventListener(kind, (event) => badge(JSON.parse(event.data).unread));
    }
  };
  open();
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
}

function videoChanged({ video, state }) {
  changed(video, () => document.dispatchEvent(new CustomEvent("holdfast:video", { detail: { video, state } })));
}

/** Fetch again what shows this video, or this ticket's files; several pieces of news in a row are one fetch. */
function changed(id, tell = () => {}) {
  clearTimeout(waiting.get(id));
  waiting.set(id, setTimeout(() => {
    waiting.delete(id);
    tell();
    for (const element of document.querySelectorAll(`[data-live="${CSS.escape(id)}"]`)) refresh(element);
  }, GATHER_MS));
}

/** Ask the server how one live element looks now. */
export async function refresh(element) {
  let html;
  try {
    const answer = await fetch(element.dataset.src, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (answer.status === 404) return element.remove();
    if (!answer.ok || answer.redirected) return;
    html = await answer.text();
  } catch {
    return; // no network: the next piece of news, or the next poll, asks again
  }
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-live]");
  if (!fresh || !element.isConnected) return;
  if (element.querySelector("[data-part]")) return replaceParts(element, fresh);
  show(element, fresh);
}

function replaceParts(element, fresh) {
  element.dataset.state = fresh.dataset.state;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const old = element.querySelector(`[data-part="${part.dataset.part}"]`);
    if (old && drawn.get(old) !== part.innerHTML && !samePlayer(old, part) && !isPlaying(old)) show(old, part);
  }
  const replace = element.querySelector("[data-replace]");
  if (replace) replace.hidden = !replace.dataset.replace.split(" ").includes(fresh.dataset.state) && !replace.querySelector("[data-uploads] > li"); // one on its way stays in sight
}

const sourceOf = (part) => part.querySelector("[data-play]")?.dataset.play ?? "";
const samePlayer = (old, part) => sourceOf(part) !== "" && sourceOf(old) === sourceOf(part);
const isPlaying = (part) => [...part.querySelectorAll("video, audio")].some((player) => !player.paused);

/** Put the fresh element in the old one's place; the keyboard stays on the link or button it was on. */
function show(old, fresh) {
  const node = document.importNode(fresh, true);
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  drawn.set(node, node.innerHTML);
  old.replaceWith(node);
  localTimes(node);
  startPlayers(node);
  if (!held) return;
  const twin = [...node.querySelectorAll(held.localName)].find((other) => held !== old && other.textContent === held.textContent);
  if (!twin) node.tabIndex = -1; // what it was on is gone: it stays with the element, not at the top of the page
  (twin ?? node).focus({ preventScroll: true });
}

function progressed({ video, percent }) {
  const found = document.querySelectorAll(`[data-live="${CSS.escape(video)}"]`);
  for (const element of found) {
    const bar = element.querySelector("progress[data-progress]");
    if (!bar) return videoChanged({ video });
    bar.value = Math.max(bar.value, percent);
    for (const text of element.querySelectorAll("[data-percent]")) text.textContent = Math.floor(percent);
  }
}

function badge(unread) {
  for (const element of document.querySelectorAll("[data-unread]")) {
    element.hidden = !unread;
    element.querySelector("[data-unread-count]").textContent = unread;
  }
}

function poll() {
  polling ??= setInterval(() => {
    for (const element of document.querySelectorAll("[data-live]")) refresh(element);
  }, POLL_MS);
}

function stopPolling() {
  clearInterval(polling);
  polling = null;
}
