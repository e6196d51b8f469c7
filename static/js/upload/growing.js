// A file that is still being made, as a source for tus-js-client: it hands out what there is, and waits for more.
export class Growing {
  #pieces = [];
  #waiting = null;
  #over = false;
  size = 0; // bytes so far, from the very start

  /** @param {{offset: number, blob: Blob}[]} pieces what is there already. @param {number} size where the next byte goes if there are none */
  constructor(pieces = [], size = 0) {
    this.#pieces = [...pieces];
    const last = pieces.at(-1);
    this.size = last ? last.offset + last.blob.size : size;
  }

  /** True while everything there is has been handed out: silence on the line is nobody's fault then. */
  get hungry() {
    return this.#waiting !== null;
  }

  get finished() {
    return this.#over;
  }

  add(blob) {
    const offset = this.size;
    this.#pieces.push({ offset, blob });
    this.size += blob.size;
    this.#serve();
    return offset;
  }

  /** Nothing more comes. */
  finish() {
    this.#over = true;
    this.#serve();
  }

  /** The server has everything before `offset`. */
  acknowledged(offset) {
    this.#pieces = this.#pieces.filter((piece) => piece.offset + piece.blob.size > offset);
  }

  /** Whoever waited was told to stop: it must never be served, or its request would be sent beside the next one's. */
  rest() {
    this.#waiting = null;
  }

  // What tus-js-client asks of a source.
  slice(start, end) {
    return new Promise((resolve, reject) => {
      this.#waiting = { start, end, resolve, reject };
      this.#serve();
    });
  }

  close() {
    this.rest();
  }

  #serve() {
    if (!this.#waiting) return;
    const { start, end, resolve, reject } = this.#waiting;
    if (start >= this.size && !this.#over) return; // nothing new yet
    this.#waiting = null;
    const blobs = this.#pieces.filter(({ offset, blob }) => offset < end && offset + blob.size > start);
    if (start < this.size && (blobs.length === 0 || blobs[0].offset > start)) return reject(new Error("these bytes are not kept any more"));
    const parts = blobs.map(({ offset, blob }) => blob.slice(Math.max(0, start - offset), end - offset));
    const value = parts.length ? new Blob(parts) : null;
    resolve({ value, done: this.#over && start + (value?.size ?? 0) >= this.size });
  }
}

/** Options with which tus-js-client takes a Growing instead of a file. */
export const growing = { uploadLengthDeferred: true, fileReader: { openFile: async (source) => source } };
