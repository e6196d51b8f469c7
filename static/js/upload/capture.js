// Camera, microphone and screen, and the recorder over them.
const PIECE_MS = 1000;
const TYPES = {
  video: ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"],
  audio: ["audio/webm;codecs=opus", "audio/webm", "audio/mp4"],
};
const ENDINGS = { "video/webm": "webm", "audio/webm": "webm", "video/mp4": "mp4", "audio/mp4": "m4a" };

/** What this browser can record: none of it outside https, and no screen on phones. */
export function ways() {
  const devices = navigator.mediaDevices;
  if (!devices?.getUserMedia || !window.MediaRecorder || !window.indexedDB || !navigator.locks) return [];
  return devices.getDisplayMedia ? ["camera", "sound", "screen"] : ["camera", "sound"];
}

/** Ask for the devices. The browser asks the person. */
export async function streamOf(way) {
  if (way === "sound") return navigator.mediaDevices.getUserMedia({ audio: true });
  if (way === "camera") return navigator.mediaDevices.getUserMedia({ audio: true, video: { width: { ideal: 1280 }, height: { ideal: 720 } } });
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
  if (screen.getAudioTracks().length === 0) {
    const voice = await navigator.mediaDevices.getUserMedia({ audio: true }).catch(() => null); // a silent screen is still worth recording
    for (const track of voice?.getTracks() ?? []) screen.addTrack(track);
  }
  return screen;
}

/** Which of the catalogue's words tell a person why there is no recording. */
export function wordOf(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "recordRefused";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "recordMissing";
  return "recordFailed";
}

export class Recorder {
  #media;
  #began = 0;
  #ended = 0;

  /** @param {{piece: (blob: Blob) => void, over: (error?: Error) => void}} told `over` comes once, after the last piece. */
  constructor(stream, { piece, over }) {
    this.stream = stream;
    const kind = stream.getVideoTracks().length ? "video" : "audio";
    const mimeType = TYPES[kind].find((type) => MediaRecorder.isTypeSupported(type));
    this.#media = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    let failure;
    this.#media.addEventListener("dataavailable", ({ data }) => data.size > 0 && piece(data));
    this.#media.addEventListener("error", (event) => (failure = event.error ?? new Error("the recorder stopped")));
    this.#media.addEventListener("stop", () => {
      this.#ended = performance.now();
      this.#release();
      over(failure);
    });
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.stop()); // "stop sharing", or the camera unplugged
  }

  get type() {
    return this.#media.mimeType.split(";")[0] || "video/webm";
  }

  get ending() {
    return ENDINGS[this.type] ?? "webm";
  }

  get seconds() {
    return this.#began ? ((this.#ended || performance.now()) - this.#began) / 1000 : 0;
  }

  start() {
    this.#began = performance.now();
    this.#media.start(PIECE_MS);
  }

  stop() {
    if (this.#media.state !== "inactive") this.#media.stop();
  }

  #release() {
    for (const track of this.stream.getTracks()) track.stop(); // the camera's light goes out
  }
}
