// A small picture of the place a person is going to, while they move through a film.
const CUE = /(\d+):(\d+):([\d.]+) --> \S+\s+(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

export function startThumbnails(element) {
  const address = element.dataset.thumbnails;
  if (!address) return;
  const picture = document.createElement("div");
  picture.className = "seek-picture";
  picture.hidden = true;
  picture.setAttribute("aria-hidden", "true");
  element.after(picture);
  let list = null;
  element.addEventListener("seeking", async () => {
    list ??= read(address);
    const cue = (await list).findLast((each) => each.start <= element.currentTime);
    if (cue && element.seeking) show(picture, cue);
  });
  element.addEventListener("seeked", () => (picture.hidden = true));
}

/** The list of pictures; an empty one where it cannot be had: seeking works without. */
async function read(address) {
  try {
    const answer = await fetch(address, { credentials: "same-origin" });
    if (!answer.ok) return [];
    return [...(await answer.text()).matchAll(CUE)].map(([, hours, minutes, seconds, src, x, y, width, height]) => ({ start: 3600 * hours + 60 * minutes + Number(seconds), src, x, y, width, height }));
  } catch {
    return [];
  }
}

function show(picture, cue) {
  Object.assign(picture.style, { width: `${cue.width}px`, height: `${cue.height}px`, backgroundImage: `url("${cue.src}")`, backgroundPosition: `-${cue.x}px -${cue.y}px` });
  picture.hidden = false;
}
