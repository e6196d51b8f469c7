// The "Record" buttons: what is recorded is kept on this device and sent while it is made; after a reload it can be finished.
import { announce } from "./announce.js";
import { Recorder, streamOf, ways, wordOf } from "./capture.js";
import { clock, size } from "./format.js";
import { Growing } from "./growing.js";
import * as kept from "./kept.js";
import { draw, own } from "./problems.js";
import { open, Recording } from "./recording.js";
import { take } from "./unfinished.js";

export function startRecording(page) {
  const box = document.querySelector("[data-record]");
  const can = ways();
  if (!box || can.length === 0) return;
  const panel = new Panel(box, page);
  for (const button of box.querySelectorAll("[data-way]")) {
    button.hidden = !can.includes(button.dataset.way);
    button.addEventListener("click", () => panel.begin(button.dataset.way));
  }
  box.hidden = false;
  offerInterrupted(box.dataset.owner, page);
}

class Panel {
  #recording = null;
  #recorder = null;
  #timer = null;

  constructor(box, page) {
    Object.assign(this, { box, page });
    this.#at("stop").addEventListener("click", () => this.#recorder?.stop());
    window.addEventListener("beforeunload", (event) => this.#recorder && event.preventDefault());
  }

  #at(name) {
    return this.box.querySelector(`[data-record-${name}]`);
  }

  async begin(way) {
    this.#at("problem").replaceChildren();
    this.#able(false);
    let stream = null;
    try {
      stream = await streamOf(way);
      await this.#record(stream, way);
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      this.#stopped();
      this.#say(wordOf(error), way);
    }
  }

  async #record(stream, way) {
    const source = new Growing();
    const recorder = new Recorder(stream, {
      piece: (blob) => this.#recording.piece(blob, recorder.seconds),
      over: (error) => this.#over(way, error),
    });
    this.#recording = await Recording.begin(this.box.dataset.owner, recorder, source);
    recorder.start();
    this.#recorder = recorder;
    this.#show(stream);
  }

  #show(stream) {
    const preview = this.#at("preview");
    preview.hidden = stream.getVideoTracks().length === 0;
    preview.srcObject = stream;
    this.#at("live").hidden = false;
    this.#at("stop").focus();
    announce("Recording");
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), 250);
  }

  #tick() {
    const { source, fragile, job } = this.#recording;
    this.#at("time").textContent = clock(this.#recorder.seconds);
    this.#at("note").textContent = fragile
      ? "Your browser has no room to keep this. Stay on this page until all of it is sent."
      : `${size(source.size)} kept on this device. A reload loses nothing.`;
    if (source.size > 0 && !job) this.#recording.send(this.page);
  }

  #over(way, error) {
    const { source } = this.#recording;
    if (source.size > 0 && !this.#recording.job) this.#recording.send(this.page);
    this.#recording.finish();
    announce("The recording has stopped");
    this.#stopped();
    if (error) this.#say("recordFailed", way);
    else if (source.size === 0) this.#say("recordEmpty", way);
  }

  #stopped() {
    clearInterval(this.#timer);
    this.#recorder = null;
    this.#at("preview").srcObject = null;
    this.#at("live").hidden = true;
    this.#able(true);
  }

  #able(on) {
    for (const button of this.box.querySelectorAll("[data-way]")) button.disabled = !on;
  }

  #say(word, way) {
    const { settings } = this.page;
    this.#at("problem").replaceChildren(draw(own(settings.words[word]), { press: () => this.begin(way), help: settings.help }));
  }
}

/** Recordings that a reload, a crash or a closed tab cut off. */
async function offerInterrupted(owner, page) {
  const section = document.getElementById("interrupted");
  for (const record of await kept.ofOwner(owner).catch(() => [])) {
    if (!(await kept.hold(record.id))) continue; // another tab is at it
    if (record.size === 0) {
      await kept.forget(record.id); // cut off before its first piece
      continue;
    }
    const item = document.getElementById("interrupted-item").content.firstElementChild.cloneNode(true);
    item.querySelector("[data-name]").textContent = record.name;
    item.querySelector("[data-kept]").textContent = `A recording was interrupted: ${clock(record.seconds)} of it is kept.`;
    item.querySelector("[data-finish]").addEventListener("click", async () => {
      leave(item, section);
      (await open(record)).send(page);
    });
    item.querySelector("[data-discard]").addEventListener("click", async () => {
      leave(item, section);
      (await open(record)).discard(page.settings);
    });
    const listed = document.querySelector(`[data-session][data-fingerprint="recording|${record.id}"]`);
    if (listed) take(listed); // it is offered once
    section.querySelector("ul").append(item);
    section.hidden = false;
  }
}

function leave(item, section) {
  item.remove();
  section.hidden = section.querySelector("li") === null;
}
