// The "Record" buttons: what is recorded is kept on this device and sent while it is made; after a reload it can be finished.
import { announce } from "./announce.js";
import { Recorder, streamOf, ways, wordOf } from "./capture.js";
import { clock, size } from "./format.js";
import { Growing } from "./growing.js";
import { offerInterrupted } from "./interrupted.js";
import { draw, own } from "./problems.js";
import { Recording } from "./recording.js";

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
      piece: (blob) => this.#recording.piece(blob, recorder.seconds, this.page.settings.maxSize),
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
    if (this.#recording.full) this.#tell(`The recording was stopped at ${size(source.size)}: one upload cannot be larger. What was recorded is sent.`);
  }

  #stopped() {
    const focused = this.#at("live").contains(document.activeElement);
    clearInterval(this.#timer);
    this.#recorder = null;
    this.#at("preview").srcObject = null;
    this.#at("live").hidden = true;
    this.#able(true);
    if (focused) this.#recording.job?.card.focus();
  }

  #able(on) {
    for (const button of this.box.querySelectorAll("[data-way]")) button.disabled = !on;
  }

  #tell(words) {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = words;
    this.#at("problem").replaceChildren(note);
    announce(words);
  }

  #say(word, way) {
    const { settings } = this.page;
    this.#at("problem").replaceChildren(draw(own(settings.words[word]), { press: () => this.begin(way), help: settings.help }));
  }
}
