// Plays the main list: by the browser itself where it can (Safari), by hls.js everywhere else.
const TYPE = "application/vnd.apple.mpegurl";
const MOST_RECOVERIES = 3;

export function startPlayers(root) {
  for (const element of root.querySelectorAll("[data-play]")) start(element);
}

function start(element) {
  if (element.dataset.started) return;
  element.dataset.started = "yes";
  const address = element.dataset.play;
  const Hls = window.Hls;
  if (Hls?.isSupported()) return byHls(element, address, Hls);
  if (element.canPlayType(TYPE)) {
    element.addEventListener("error", () => failed(element));
    playingOn(element, () => (element.src = address));
    return;
  }
  failed(element);
}

function byHls(element, address, Hls) {
  const hls = new Hls({ capLevelToPlayerSize: true, maxBufferLength: 30, startFragPrefetch: true });
  const recover = hls.recoverMediaError.bind(hls);
  hls.recoverMediaError = () => playingOn(element, recover); // hls.js recovers by itself, too
  let recoveries = 0;
  hls.on(Hls.Events.ERROR, (_name, data) => {
    if (!data.fatal) return;
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
