// One chosen file from the click to the moment it has arrived: card, queue and transfer together.
import { UploadCard } from "./card.js";
import { fingerprint } from "./fingerprint.js";
import { otherFile } from "./problems.js";
import { refusal } from "./refuse.js";
import { Transfer } from "./transfer.js";
import { belongs, freshAddress, matching, take } from "./unfinished.js";

const PATIENCE_MS = 5_000;
const COMPLETE = "UPLOAD_COMPLETE";

export class UploadJob {
  #transfer = null;
  #session = "";

  /**
   * @param {File} file
   * @param {{settings: object, queue: object, list: Element, video: string, item: Element|null, choose: () => void}} page
   *   `video`: the file replaces this video's. `item`: the unfinished upload it was chosen for.
   */
  constructor(file, page) {
    Object.assign(this, page, { file });
    this.card = new UploadCard(page.list, file, { press: (what) => this.#press(what) });
    this.#prepare();
  }

  async #prepare() {
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

  /** Called by the queue when it is this file's turn. */
  async run() {
    if (this.#transfer) return this.#transfer.start();
    const uploadUrl = this.#session ? await this.#address() : null;
    if (uploadUrl === undefined) return;
    const metadata = { filename: this.file.name, filetype: this.file.type, fingerprint: this.print, ...this.settings.metadata };
    if (this.video && !this.#session) metadata.video = this.video;
    for (const name of Object.keys(metadata)) if (!metadata[name]) delete metadata[name];
    this.#transfer = new Transfer(this.file, {
      settings: this.settings,
      metadata,
      uploadUrl,
      changed: (state, detail) => this.#changed(state, detail),
      progressed: (sent, total) => this.card.progress(sent, total),
      named: (video) => this.card.belongsTo(video),
    });
    this.#transfer.start();
  }

  /** A fresh address of the unfinished upload; undefined when there is none to be had. Waits for the network as long as it takes. */
  async #address() {
    for (;;) {
      const { address, problem, offline } = await freshAddress(this.settings, this.#session);
      if (address) return address;
      if (!offline) {
        this.queue.release(this);
        if (problem.code === COMPLETE) await this.card.handOver(this.settings.videos, this.video); // the rest had arrived while we were away
        else this.card.problem(problem, this.#page(problem));
        return undefined;
      }
      this.card.show("waiting", { reason: "offline" });
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    }
  }

  #changed(state, detail) {
    if (state === "canceled") return this.#over();
    if (state === "failed") {
      this.queue.release(this);
      return this.card.problem(detail.problem, this.#page(detail.problem));
    }
    this.card.show(state, detail);
    if (state !== "done") return undefined;
    this.queue.release(this);
    return this.card.handOver(this.settings.videos, this.#transfer.video || this.video);
  }

  #press(what) {
    if (what === "dismiss") return this.card.remove();
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
    if (this.#transfer?.video && !this.video) return location.assign(`${this.settings.videos}${this.#transfer.video}/#replace`);
    this.card.remove();
    return this.choose();
  }

  #page(problem) {
    return { press: () => this.#act(problem), help: this.settings.help, video: this.#transfer?.video || this.video };
  }

  #refuse(problem) {
    this.card.problem(problem, this.#page(problem));
  }

  #over() {
    this.queue.release(this);
    this.card.remove();
  }
}
