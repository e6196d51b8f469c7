// One recording: what is kept of it here, and its upload.
import { growing, Growing } from "./growing.js";
import { UploadJob } from "./job.js";
import { makeKey } from "./key.js";
import * as kept from "./kept.js";
import { ELSEWHERE } from "./problems.js";
import { atOnce } from "./queue.js";

export class Recording {
  job = null;
  fragile = false;
  full = false; // it reached what one upload may have

  constructor(record, source, recorder = null) {
    Object.assign(this, { record, source, recorder });
  }

  /** Note it down before the first byte of it is made. */
  static async begin(owner, recorder, source) {
    const name = `Recording ${new Date().toLocaleString("sv").slice(0, 16).replace(":", ".")}.${recorder.ending}`;
    const record = { id: makeKey(), key: makeKey(), owner, name, type: recorder.type, seconds: 0, size: 0, session: "", video: "" };
    await kept.hold(record.id);
    const recording = new Recording(record, source, recorder);
    await kept.write(record).catch(() => (recording.fragile = true));
    return recording;
  }

  piece(blob, seconds, most) {
    if (this.full || this.source.size + blob.size > most) {
      this.full = true; // nothing after a gap can be used either
      return this.recorder.stop();
    }
    const offset = this.source.add(blob);
    Object.assign(this.record, { seconds, size: this.source.size });
    return kept.add({ ...this.record }, offset, blob).catch(() => (this.fragile = true));
  }

  /** Nothing more is recorded. What is empty is nothing to keep. */
  finish() {
    this.source.finish();
    if (this.source.size === 0) this.#forget();
  }

  send({ settings, list }) {
    const { record, source } = this;
    const recording = {
      source,
      print: `recording|${record.id}`,
      session: record.session,
      video: record.video,
      more: { key: record.key, options: growing, kept: (offset) => this.#acknowledged(offset) },
      named: (video, session) => this.#named(video, session),
      ended: () => this.#ended(),
      failed: (problem) => problem.code === ELSEWHERE || this.recorder?.stop(), // what is recorded from here on could go nowhere
    };
    const file = { name: record.name, type: record.type, size: source.size };
    this.job = new UploadJob(file, { settings, list, queue: atOnce, item: null, video: "", choose: () => {}, recording });
  }

  async discard(settings) {
    const token = document.querySelector('meta[name="csrf-token"]').content;
    const { session } = this.record;
    await this.#forget();
    // Not reached: what arrived expires by itself.
    if (session) await fetch(`${settings.uploads}${session}`, { method: "DELETE", credentials: "same-origin", headers: { "X-CSRFToken": token } }).catch(() => {});
  }

  #named(video, session) {
    if (this.record.session === session && this.record.video === video) return;
    Object.assign(this.record, { video, session });
    kept.write({ ...this.record }).catch(() => (this.fragile = true));
  }

  #acknowledged(offset) {
    this.source.acknowledged(offset);
    kept.acknowledged(this.record.id, offset).catch(() => (this.fragile = true)); // it stays longer than it must
  }

  /** It has arrived, or is not wanted any more. */
  #ended() {
    this.recorder?.stop();
    this.#forget();
  }

  #forget() {
    return kept.forget(this.record.id).catch(() => {}); // offered once more after a reload
  }
}

/** A recording that was cut off: what is kept of it, and nothing comes after that. */
export async function open(record) {
  const source = new Growing(await kept.piecesOf(record.id), record.size);
  source.finish();
  return new Recording(record, source);
}
