// Tells screen readers how it goes: politely, and not more often than every five seconds.
const QUIET_MS = 5_000;
let last = 0;
let pending = null;

export function announce(text) {
  const region = document.querySelector("[data-announcer]");
  if (!region) return;
  clearTimeout(pending);
  const wait = Math.max(0, QUIET_MS - (performance.now() - last));
  pending = setTimeout(() => {
    last = performance.now();
    region.textContent = text;
  }, wait);
}
