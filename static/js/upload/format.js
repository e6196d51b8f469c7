// Numbers as people read them; sizes as the server writes them (steps of 1,024).
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

export function size(count) {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count} ${count === 1 ? "byte" : "bytes"}` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

export const speed = (bytesPerSecond) => `${size(Math.round(bytesPerSecond))}/s`;

export function left(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "a few seconds left";
  if (seconds < 90) return `${Math.round(seconds)} seconds left`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} minutes left`;
  return `${Math.round(seconds / 3600)} hours left`;
}

/** `75.3` → `1:15`, as a clock counts. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** Bytes per second over the last ten seconds. */
export class Speed {
  #samples = [];

  add(sent, now = performance.now()) {
    const last = this.#samples.at(-1);
    if (last && sent < last.sent) this.#samples = []; // the server had less than was sent: count from there
    this.#samples.push({ sent, now });
    while (now - this.#samples[0].now > 10_000) this.#samples.shift();
  }

  reset() {
    this.#samples = [];
  }

  get bytesPerSecond() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    return first && last.now - first.now > 500 ? ((last.sent - first.sent) * 1000) / (last.now - first.now) : 0;
  }
}
