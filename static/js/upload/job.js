// One chosen file from the click to the moment it has arrived: card, queue and transfer together.
import { UploadCard } from "./card.js";
import { fingerprint } from "./fingerprint.js";
import { ELSEWHERE, otherFile, withWayBack } from "./problems.js";
import { refusal } from "./refuse.js";
import { Transfer } from "./transfer.js";
import { belongs, matching, patientAddress, take } from "./unfinished.js";

const COMPLETE = "UPLOAD_COMPLETE";

export class UploadJob {
  #transfer = null;
  #session = "";

  /**
   * @param {File} file
   * @param {{settings: object, queue: object, list: Element, video: string, item: Element|null, choose: () => void, recording?: object}} page
   *   `video`: the file replaces this video's. `item`: the unfinished upload it was chosen for. `recording`: what is sent while it is made.
   */
  constructor(file, page) {
    Object.assign(this, page, { file });
    this.card = new UploadCard(page.list, file, { press: (what) => this.#press(what) });
    this.#prepare();
  }

  async #prepare() {
    if (this.recording) return this.#prepareRecording();
    const refused = refusal(this.file, this.settings);
    if (refused) return this.#refuse(refused);
    this.print = await fingerprint(this.file).catch(() => "");
    if (this.item && !belongs(this.item, this.file, this.print)) return this.#refuse(otherFile(this.item.dataset.name));
    this.item ??= this.video ? null : matching(this.print);
    if (this.item) {
      this.#session = this.item.dataset.session;
      this.video = this.item.dataset.video;
      this.card.belongsTo(this.video);
      take(this.item);
    }
    this.card.show("queued");
    this.queue.add(this);
  }

  #prepareRecording() {
    this.print = this.recording.print;
    this.#session = this.recording.session;
    this.video = this.recording.video;
    if (this.video) this.card.belongsTo(this.video);
    this.queue.add(this);
  }

  /** Called by the queue when it is this file's turn. */
  async run() {
    if (this.#transfer) return this.#transfer.start();
    const uploadUrl = this.#session ? await this.#address() : null;
    if (uploadUrl === undefined) return;
    const metadata = { filename: this.file.name, filetype: this.file.type, fingerprint: this.print, ...this.settings.metadata };
    if (this.video && !this.#session) metadata.video = this.video;
    for (const name of Object.keys(metadata)) if (!metadata[name]) delete metadata[name];
    this.#transfer = new Transfer(this.recording?.source ?? this.file, {
      settings: this.settings,
      metadata,
      uploadUrl,
      ...this.recording?.more,
      changed: (state, detail) => this.#changed(state, detail),
      progressed: (sent, total) => this.#progressed(sent, total),
      named: (video, session) => this.#named(video, session),
    });
    this.#transfer.start();
  }

  /** A fresh address of the unfinished upload; undefined when there is none to be had. */
  async #address() {
    const { address, problem } = await patientAddress(this.settings, this.#session, () => this.card.show("waiting", { reason: "offline" }));
    if (address) return address;
    this.queue.release(this);
    if (problem.code === COMPLETE) await this.card.handOver(this.settings.videos, this.video); // the rest had arrived while we were away
    else this.card.problem(problem, this.#page(problem));
    return undefined;
  }

  #named(video, session) {
    this.card.belongsTo(video);
    this.#session = session || this.#session;
    this.recording?.named(video, this.#session);
  }

  #progressed(sent, total) {
    if (!this.recording || this.recording.source.finished) this.card.progress(sent, total ?? this.recording.source.size);
    else this.card.grown(sent, this.recording.source.size);
  }

  #changed(state, detail) {
    if (state === "canceled") return this.#over();
    if (state === "failed") {
      this.queue.release(this);
      this.recording?.failed?.(detail.problem);
      return this.card.problem(withWayBack(detail.problem), this.#page(detail.problem));
    }
    this.card.show(state, detail);
    if (state !== "done") return undefined;
    this.queue.release(this);
    this.recording?.ended();
    return this.card.handOver(this.settings.videos, this.#transfer.video || this.video);
  }

  #press(what) {
    if (what === "dismiss") {
      this.recording?.ended();
      return this.card.remove();
    }
    if (what === "resume") return this.queue.add(this);
    if (what === "pause") {
      this.queue.release(this);
      return this.#transfer?.pause();
    }
    return this.#transfer ? this.#transfer.cancel() : this.#over();
  }

  /** A problem's button: try the same again where that can help, else choose another file, for the same video if there is one by now. */
  #act(problem) {
    if (problem.retryable) return this.queue.add(this);
    if (problem.code === ELSEWHERE) return this.#takeBack();
    if (this.#transfer?.video && !this.video) return location.assign(`${this.settings.videos}${this.#transfer.video}/#replace`);
    this.card.remove();
    return this.choose();
  }

  /** A fresh address ends the other one's, which is told so with its next request. */
  #takeBack() {
    this.video = this.#transfer?.video || this.video; // the next one creates nothing, and hears of none
    this.#transfer = null;
    this.card.show("queued");
    this.queue.add(this);
  }

  #page(problem) {
    return { press: () => this.#act(problem), help: this.settings.help, video: this.#transfer?.video || this.video };
  }

  #refuse(problem) {
    this.card.problem(problem, this.#page(problem));
  }

  #over() {
    this.queue.release(this);
    this.recording?.ended();
    this.card.remove();
  }
}
