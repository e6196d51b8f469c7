// Plays the main list: by the browser itself where it can (Safari), by hls.js everywhere else.
import { startThumbnails } from "./thumbnails.js";

const TYPE = "application/vnd.apple.mpegurl";
const MOST_RECOVERIES = 3;
const EXPIRED = 403; // what an address answers once its time is over
const NOT_AGAIN_MS = 30_000;

export function startPlayers(root) {
  for (const element of root.querySelectorAll("[data-play]")) start(element);
}

function start(element) {
  if (element.dataset.started) return;
  element.dataset.started = "yes";
  startThumbnails(element);
  const address = element.dataset.play;
  const Hls = window.Hls;
  if (Hls?.isSupported()) return byHls(element, address, Hls);
  if (element.canPlayType(TYPE)) return byBrowser(element, address);
  failed(element);
}

function byBrowser(element, address) {
  const mayReadAgain = seldom();
  element.addEventListener("error", () => {
    if (!mayReadAgain()) return failed(element);
    const at = element.currentTime;
    element.addEventListener("loadedmetadata", () => (element.currentTime = at), { once: true });
    playingOn(element, () => (element.src = address));
  });
  playingOn(element, () => (element.src = address));
}

function byHls(element, address, Hls) {
  const hls = new Hls({ capLevelToPlayerSize: true, maxBufferLength: 30, startFragPrefetch: true });
  const recover = hls.recoverMediaError.bind(hls);
  hls.recoverMediaError = () => playingOn(element, recover); // hls.js recovers by itself, too
  const mayReadAgain = seldom();
  let recoveries = 0;
  hls.on(Hls.Events.ERROR, (_name, data) => {
    if (!data.fatal) return;
    if (data.response?.code === EXPIRED && mayReadAgain()) return readAgain(element, address, hls);
    recoveries += 1;
    if (recoveries > MOST_RECOVERIES) {
      hls.destroy();
      return failed(element);
    }
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else setTimeout(() => (hls.levels.length ? hls.startLoad() : hls.loadSource(address)), 2000 * recoveries);
  });
  hls.loadSource(address);
  playingOn(element, () => hls.attachMedia(element));
}

/** The addresses in the lists have run out, after a long pause: read the lists again and go on at the same second. */
function readAgain(element, address, hls) {
  hls.config.startPosition = element.currentTime;
  playingOn(element, () => hls.loadSource(address));
}

/** Something that may be done, but not over and over. */
function seldom() {
  let last = -Infinity;
  return () => {
    const now = Date.now();
    if (now - last < NOT_AGAIN_MS) return false;
    last = now;
    return true;
  };
}

/** Load something else into a player. Browsers take a press of play back when a load follows it: it is given again. */
function playingOn(element, load) {
  const wanted = !element.paused;
  load();
  if (wanted && element.paused) element.play().catch(() => {}); // refused where nobody pressed it: the button is still there
}

function failed(element) {
  const card = element.closest("[data-part], body").querySelector("[data-play-problem]");
  if (card) card.hidden = false;
}
