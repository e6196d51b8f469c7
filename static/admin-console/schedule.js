// The schedule of a policy, drawn anew by the server for what is typed: there is one formula, and it is there.
const QUIET_MS = 200;
const place = document.querySelector("[data-schedule]");
const form = place?.closest("form");
let timer = 0;
let asked = 0;

async function draw() {
  const number = ++asked;
  const typed = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (name !== "csrfmiddlewaretoken" && name !== "reason" && typeof value === "string") typed.append(name, value);
  }
  typed.set("row", place.dataset.row);
  try {
    const answer = await fetch(`${place.dataset.schedule}?${typed}`, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const html = await answer.text();
    if (number === asked) place.innerHTML = html; // an older answer must not overtake a newer one
  } catch {
    if (number === asked) place.textContent = "The schedule could not be drawn. What you type is checked when you save it.";
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(draw, QUIET_MS);
});
