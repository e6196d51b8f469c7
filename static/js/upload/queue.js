// Two files at a time; the others wait their turn.
const AT_ONCE = 2;

export class Queue {
  #waiting = [];
  #running = new Set();

  get busy() {
    return this.#running.size > 0 || this.#waiting.length > 0;
  }

  add(job) {
    this.#waiting.push(job);
    this.#next();
  }

  /** A job is over, or lets others go first (paused). */
  release(job) {
    this.#running.delete(job);
    this.#waiting = this.#waiting.filter((other) => other !== job);
    this.#next();
  }

  #next() {
    while (this.#running.size < AT_ONCE && this.#waiting.length > 0) {
      const job = this.#waiting.shift();
      this.#running.add(job);
      job.run();
    }
  }
}

/** For a recording, which waits for no other file: it cannot be made again. */
export const atOnce = { add: (job) => job.run(), release() {} };
