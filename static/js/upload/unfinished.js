// Uploads that stopped on the way: which file belongs to which, and a fresh address to go on with.
import { compare } from "./fingerprint.js";
import { own, parse, unknownAnswer } from "./problems.js";

const PATIENCE_MS = 5_000;
const items = () => [...document.querySelectorAll("[data-session]")];

/** The unfinished upload a chosen file belongs to, if any. */
export function matching(print) {
  return items().find((item) => item.dataset.fingerprint && compare(item.dataset.fingerprint, print) === "same") ?? null;
}

/** Is this the file of that unfinished upload? One without a fingerprint (another program's) is known by its size and name. */
export function belongs(item, file, print) {
  if (Number(item.dataset.length) !== file.size) return false;
  return item.dataset.fingerprint ? compare(item.dataset.fingerprint, print) !== "different" : item.dataset.name === file.name;
}

export function take(item) {
  item.remove();
  const count = items().length;
  const section = document.getElementById("unfinished");
  if (!section) return;
  section.hidden = count === 0;
  section.querySelector("[data-unfinished-count]").textContent = count;
  section.querySelector("[data-unfinished-plural]").hidden = count === 1;
}

/** The same as `freshAddress`, but waiting for the network as long as it takes; `waits` is called with every try that found none. */
export async function patientAddress(settings, session, waits) {
  for (;;) {
    const found = await freshAddress(settings, session);
    if (!found.offline) return found;
    waits();
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  }
}

/**
 * Ask for a fresh address of an unfinished upload.
 * @returns {Promise<{address?: string, problem?: object, offline?: boolean}>}
 */
async function freshAddress(settings, session) {
  let answer;
  try {
    answer = await fetch(`${settings.uploads}${session}/token`, {
      method: "POST",
      credentials: "same-origin",
      headers: { Accept: "application/json", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content },
    });
  } catch {
    return { offline: true };
  }
  const body = await answer.text();
  if (answer.ok) return { address: JSON.parse(body).upload_url };
  if (answer.status === 404 || answer.status === 410) return { problem: parse(body) ?? own(settings.words.gone) };
  return { problem: parse(body) ?? unknownAnswer(answer.status, answer.headers.get("X-Request-ID")) };
}
