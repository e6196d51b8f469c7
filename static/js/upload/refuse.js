// What the browser can refuse by itself, in the server's words and order, before a byte is sent.
import { size } from "./format.js";
import { own } from "./problems.js";

/** A problem, or null when the file may be sent. */
export function refusal(file, { words, maxSize, endings }) {
  if (file.size > maxSize) return own(words.tooLarge, { size_text: size(file.size), limit_text: size(maxSize) });
  if (endings.length === 0) return null;
  const ending = /\.([^.]+)$/.exec(file.name)?.[1].toLowerCase() ?? "";
  if (ending && !endings.includes(ending)) return own(words.wrongKind, { kind: `.${ending}` });
  if (file.size === 0) return own(words.empty);
  return null;
}
