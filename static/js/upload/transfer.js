// One file on its way: tus-js-client, with patience. Network trouble is never an end, only a wait.
import { ofCode, parse, unknownAnswer, unreadable } from "./problems.js";

const STALL_MS = 30_000; // a line that says nothing for so long is dead
const WAIT_MS = 45_000; // longer than any pause between two tries: the try itself hangs
const LOOK_MS = 5_000;
const PATIENCE = [0, 1000, 3000, 5000, 10_000, 20_000, ...Array(200).fill(30_000)];
const WAITS = new Set([0, 408, 409, 423, 425, 429]);

/** States told to `changed(state, detail)`: sending, waiting, paused, done, failed, canceled. */
export class Transfer {
  #upload;
  #state = "idle";
  #key = makeKey();
  #lastProgress = 0;
  #timer = null;

  constructor(file, { settings, metadata, uploadUrl = null, changed, progressed, named }) {
    this.file = file;
    this.video = metadata.video ?? "";
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
      onSuccess: () => this.#end("done"),
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
    await this.#upload.abort();
  }

  async cancel() {
    this.#stop();
    this.#set("canceled");
    await this.#upload.abort(Boolean(this.#upload.url)).catch(() => {}); // not reached: it expires by itself, and can be discarded from the library
  }

  #online = () => this.#state === "waiting" && this.#again();
  #offline = () => this.active && this.#wait("offline");

  #go() {
    this.#lastProgress = performance.now();
    this.#upload.start();
  }

  async #again() {
    await this.#upload.abort();
    if (this.active) this.#go();
  }

  /** Nobody tells us that a line is dead: hang up after a while without a byte, and go on from what the server has. */
  #look() {
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
    if (video) this.named((this.video = video));
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
    const response = error.originalResponse;
    const status = response?.getStatus() ?? 0;
    const told = parse(response?.getBody()) ?? ofCode(response, this.words) ?? unknownAnswer(status, response?.getHeader("X-Request-ID"));
    const problem = error.originalRequest ? told : unreadable();
    this.#end("failed", { problem, status });
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

/** The server's own word on it where there is one; else by status. No answer at all is the network. */
function mayPass(error, words) {
  if (!error.originalRequest) return false; // the file itself cannot be read any more
  const status = error.originalResponse?.getStatus() ?? 0;
  const problem = parse(error.originalResponse?.getBody()) ?? ofCode(error.originalResponse, words);
  return problem ? problem.retryable === true : WAITS.has(status) || status >= 500;
}

/** The same key with every try of the first request: a lost answer makes no second upload. */
function makeKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
