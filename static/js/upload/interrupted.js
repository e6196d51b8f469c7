// Recordings that were cut off: what is kept of them on this device, and finishing or discarding it.
import { clock } from "./format.js";
import * as kept from "./kept.js";
import { open } from "./recording.js";
import { take } from "./unfinished.js";

/** Recordings that a reload, a crash or a closed tab cut off. */
export async function offerInterrupted(owner, page) {
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
      const recording = await open(record);
      recording.send(page);
      recording.job.card.focus();
    });
    item.querySelector("[data-discard]").addEventListener("click", async () => {
      leave(item, section);
      document.getElementById("main").focus();
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
