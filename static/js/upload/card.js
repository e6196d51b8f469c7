// The card of one upload. It only shows; what happens is decided elsewhere.
import { announce } from "./announce.js";
import { Speed, left, size, speed } from "./format.js";
import { draw } from "./problems.js";
import { refresh } from "../live.js";

const WORDS = {
  queued: ["Waiting its turn", "busy", "It starts when one of the others is done."],
  sending: ["Uploading", "busy", ""],
  paused: ["Paused", "calm", "Nothing is lost. Go on whenever you like."],
  done: ["Received", "good", "All of it has arrived."],
  failed: ["Stopped", "bad", ""],
};
const WAITS = {
  offline: "Waiting for the network. Nothing is lost, and it goes on by itself.",
  network: "The line dropped. Nothing is lost, and we keep trying by ourselves.",
  server: "We were asked to wait a moment. Nothing is lost, and it goes on by itself.",
  stalled: "The line went silent. Nothing is lost, and we are connecting again.",
};
const BUTTONS = { queued: ["cancel"], sending: ["pause", "cancel"], waiting: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["dismiss"], done: [] };

export class UploadCard {
  #speed = new Speed();
  #told = -1;

  constructor(list, file, { note = "", press }) {
    this.element = document.getElementById("upload-card").content.firstElementChild.cloneNode(true);
    this.name = file.name;
    this.#at("name").textContent = file.name;
    this.#at("amount").textContent = size(file.size);
    this.#at("bar").setAttribute("aria-label", `${file.name}: sent`);
    this.#at("note").textContent = note;
    for (const button of this.element.querySelectorAll("[data-do]")) button.addEventListener("click", () => press(button.dataset.do));
    list.prepend(this.element);
  }

  /** So that the library does not show the same video a second time while this card does. */
  belongsTo(video) {
    this.element.dataset.sending = video;
  }

  #at(name) {
    return this.element.querySelector(`[data-${name}]`);
  }

  show(state, { reason } = {}) {
    const focused = this.element.contains(document.activeElement);
    const [label, tone, note] = state === "waiting" ? ["Waiting", "warn", WAITS[reason]] : WORDS[state];
    this.element.classList.toggle("is-waiting", state === "waiting" || state === "paused");
    this.#at("state").textContent = label;
    this.#at("state").className = `state ${tone}`;
    if (note || state !== "sending") this.#at("note").textContent = note;
    else if (this.#at("note").dataset.keep !== "yes") this.#at("note").textContent = "";
    if (state !== "sending") this.#still();
    if (state !== "failed") this.#at("problem").replaceChildren();
    this.#buttons(BUTTONS[state] ?? [], focused);
    announce(`${this.name}: ${label}. ${note}`);
  }

  /** The keyboard stays in the card when the button it was on goes. */
  #buttons(names, focused) {
    for (const button of this.element.querySelectorAll("[data-do]")) button.hidden = !names.includes(button.dataset.do);
    if (focused && document.activeElement === document.body) this.element.querySelector("[data-do]:not([hidden])")?.focus();
  }

  progress(sent, total) {
    this.#at("steps").hidden = this.#at("bar").hidden = false;
    const stopped = this.#at("steps").querySelector(".stopped");
    if (stopped) stopped.className = "now";
    this.#speed.add(sent);
    const percent = total ? Math.floor((sent * 100) / total) : 100;
    const rate = this.#speed.bytesPerSecond;
    this.#at("bar").value = percent;
    this.#at("percent").textContent = `${percent} %`;
    this.#at("amount").textContent = `${size(sent)} of ${size(total)}`;
    this.#at("speed").textContent = rate ? speed(rate) : "";
    this.#at("eta").textContent = rate ? left((total - sent) / rate) : "";
    if (Math.floor(percent / 10) > this.#told) {
      this.#told = Math.floor(percent / 10);
      announce(`${this.name}: ${percent} percent sent`);
    }
  }

  /** Of a recording that goes on: how much of it is sent already. */
  grown(sent, recorded) {
    this.#at("bar").hidden = true; // of what?
    this.#at("amount").textContent = `${size(sent)} of ${size(recorded)} so far`;
  }

  #still() {
    this.#speed.reset();
    this.#at("speed").textContent = "";
    this.#at("eta").textContent = "";
  }

  problem(problem, page) {
    this.show("failed");
    this.#at("problem").replaceChildren(draw(problem, page));
    const sent = this.#at("percent").textContent !== "";
    this.#at("steps").hidden = !sent; // refused before anything was sent: there is no way to show
    this.#at("bar").hidden = true;
    const now = this.#at("steps").querySelector(".now");
    if (now) now.className = "stopped";
  }

  /** All has arrived: from here the server draws this video's progress, and the live stream keeps it fresh. */
  async handOver(videos, video) {
    this.show("done");
    const [first, second] = this.#at("steps").children;
    first.className = "done";
    second.className = "now";
    const page = this.element.closest("[data-live]");
    if (page) {
      this.remove(); // the video's own page tells the rest
      return refresh(page);
    }
    this.element.dataset.live = video;
    this.element.dataset.state = "checking"; // until the server says more: asked again when the stream is back
    this.element.dataset.src = `${videos}${video}/status/`;
    return refresh(this.element);
  }

  remove() {
    this.element.remove();
  }

  focus() {
    this.element.tabIndex = -1;
    this.element.focus();
  }
}
