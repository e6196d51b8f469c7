// One file on its way: tus-js-client, with patience. Network trouble is never an end, only a wait.
import { makeKey } from "./key.js";
import { mayPass, problemOf } from "./problems.js";

const STALL_MS = 30_000; // a line that says nothing for so long is dead
const WAIT_MS = 45_000; // longer than any pause between two tries: the try itself hangs
const LOOK_MS = 5_000;
const PATIENCE = [0, 1000, 3000, 5000, 10_000, 20_000, ...Array(200).fill(30_000)];

/** States told to `changed(state, detail)`: sending, waiting, paused, done, failed, canceled. */
export class Transfer {
  #upload;
  #state = "idle";
  #key;
  #lastProgress = 0;
  #timer = null;

  /** `options`: more of them for tus-js-client, for a source that is no file. `kept(offset)`: the server has everything before it. */
  constructor(file, { settings, metadata, uploadUrl = null, key, options = {}, changed, progressed, named, kept = () => {} }) {
    this.file = file;
    this.video = metadata.video ?? "";
    this.#key = key ?? makeKey();
    Object.assign(this, { changed, progressed, named, words: settings.words });
    this.#upload = new window.tus.Upload(file, {
      endpoint: uploadUrl ? null : settings.endpoint,
      uploadUrl,
      chunkSize: settings.chunkBytes,
      retryDelays: PATIENCE,
      metadata,
      storeFingerprintForResuming: false, // the server knows what is unfinished, on every device
      onBeforeRequest: (request) => request.getMethod() === "POST" && request.setHeader("Idempotency-Key", this.#key),
      onAfterResponse: (_request, response) => this.#remember(response),
      onUploadUrlAvailable: () => this.#keepAddress(),
      onProgress: (sent, total) => this.#moved(sent, total),
      onShouldRetry: (error) => this.#retries(error),
      onError: (error) => this.#failed(error),
      onChunkComplete: (_size, accepted) => kept(accepted),
      onSuccess: () => this.#end("done"),
      ...options,
    });
  }

  get active() {
    return this.#state === "sending" || this.#state === "waiting";
  }

  start() {
    this.#set("sending");
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    window.addEventListener("online", this.#online);
    window.addEventListener("offline", this.#offline);
    this.#go();
  }

  async pause() {
    this.#stop();
    this.#set("paused");
    await this.#hangUp();
  }

  async cancel() {
    this.#stop();
    this.#set("canceled");
    await this.#hangUp(Boolean(this.#upload.url)).catch(() => {}); // not reached: it expires by itself, and can be discarded from the library
  }

  #online = () => this.#state === "waiting" && this.#again();
  #offline = () => this.active && this.#wait("offline");

  #go() {
    this.#lastProgress = performance.now();
    this.#upload.start();
  }

  async #again() {
    await this.#hangUp();
    if (this.active) this.#go();
  }

  #hangUp(terminate = false) {
    this.file.rest?.();
    return this.#upload.abort(terminate);
  }

  /** Nobody tells us that a line is dead: hang up after a while without a byte, and go on from what the server has. */
  #look() {
    if (this.file.hungry) this.#lastProgress = performance.now(); // all that was recorded so far is sent
    const silent = performance.now() - this.#lastProgress;
    if (silent < (this.#state === "sending" ? STALL_MS : WAIT_MS)) return;
    this.#wait("stalled");
    this.#again();
  }

  #moved(sent, total) {
    this.#lastProgress = performance.now();
    if (this.#state === "waiting") this.#set("sending");
    if (this.active) this.progressed(sent, total);
  }

  /** Once there is an address, only it is used: a busy server's answer must never make tus-js-client begin a second upload. */
  #keepAddress() {
    this.#upload.options.endpoint = null;
  }

  #remember(response) {
    const video = response.getHeader("Holdfast-Video");
    if (video) this.named((this.video = video), response.getHeader("Holdfast-Upload"));
  }

  #retries(error) {
    if (!mayPass(error, this.words)) return false;
    this.#lastProgress = performance.now();
    this.#wait(error.originalResponse?.getStatus() ? "server" : "network");
    return navigator.onLine;
  }

  #wait(reason) {
    this.#set("waiting", { reason: navigator.onLine ? reason : "offline" });
  }

  #failed(error) {
    if (!this.active || mayPass(error, this.words)) return; // #look goes on with what may pass
    this.#end("failed", { problem: problemOf(error, this.words) });
  }

  #end(state, detail) {
    this.#stop();
    this.#set(state, detail);
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    window.removeEventListener("online", this.#online);
    window.removeEventListener("offline", this.#offline);
  }

  #set(state, detail = {}) {
    this.#state = state;
    this.changed(state, detail);
  }
}
