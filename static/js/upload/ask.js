// Asking for help with files: they are held here until the request is sent, then go to the ticket that it became.
import { UploadJob } from "./job.js";
import { Queue } from "./queue.js";
import { size } from "./format.js";
import { draw } from "./problems.js";
import { refusal } from "./refuse.js";

export function startAsking() {
  const form = document.querySelector("form[data-ask]");
  const data = document.getElementById("attach-settings");
  if (!form || !data || !window.tus) return;
  new Asking(form, JSON.parse(data.textContent));
}

class Asking {
  #chosen = [];

  constructor(form, settings) {
    Object.assign(this, { form, settings });
    this.box = form.querySelector(".drop");
    this.input = this.box.querySelector("input[type=file]");
    this.list = form.querySelector("[data-chosen]");
    this.input.addEventListener("change", () => {
      this.#take([...this.input.files]);
      this.input.value = "";
    });
    for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
    this.box.addEventListener("drop", (event) => this.#take([...event.dataTransfer.files]));
    form.addEventListener("submit", (event) => {
      if (this.#chosen.length === 0) return; // the browser sends it
      event.preventDefault();
      this.#send();
    });
  }

  #take(files) {
    for (const file of files) this.#add(file, refusal(file, this.settings));
    this.list.hidden = this.list.children.length === 0;
  }

  #add(file, problem) {
    const item = document.getElementById("chosen-file").content.firstElementChild.cloneNode(true);
    item.querySelector("[data-name]").textContent = file.name;
    item.querySelector("[data-size]").textContent = size(file.size);
    item.querySelector("[data-which]").textContent = ` ${file.name}`;
    if (problem) item.querySelector(".what").append(draw(problem, { press: () => this.#another(file, item), help: "" }));
    else this.#chosen.push(file);
    item.querySelector(":scope > button").addEventListener("click", () => this.#leaveOut(file, item));
    this.list.append(item);
  }

  #another(file, item) {
    this.#leaveOut(file, item);
    this.input.click();
  }

  #leaveOut(file, item) {
    this.#chosen = this.#chosen.filter((other) => other !== file);
    item.remove();
    this.list.hidden = this.list.children.length === 0;
    this.input.focus();
  }

  /** The request first: it must reach us whatever becomes of the files. */
  async #send() {
    const button = this.form.querySelector("button[type=submit]");
    button.disabled = true;
    let answer;
    try {
      answer = await fetch(this.form.action, { method: "POST", body: new FormData(this.form), credentials: "same-origin" });
    } catch {
      button.disabled = false;
      return this.#note("There is no network right now. What you wrote and chose is still here: press Send once more when it is back.");
    }
    const ticket = answer.redirected && /\/tickets\/(tkt_\w+)\/$/.exec(new URL(answer.url).pathname)?.[1];
    if (!ticket) return this.form.submit(); // refused: the page says why
    return this.#upload(ticket, answer.url);
  }

  #upload(ticket, address) {
    history.replaceState(null, "", address); // a reload shows the ticket, and what is still missing of its files
    const settings = { ...this.settings, uploads: `/api/v1/tickets/${ticket}/attachments/`, metadata: { ...this.settings.metadata, ticket } };
    const list = this.form.querySelector("[data-uploads]");
    this.#stay(ticket, address, list);
    const queue = new Queue();
    for (const file of this.#chosen) new UploadJob(file, { settings, queue, list, item: null, video: "", choose: () => location.assign(address) });
    window.addEventListener("beforeunload", (event) => queue.busy && event.preventDefault());
  }

  /** Leave only the files in sight; when the last has arrived, its card goes, and the ticket's page tells the rest. */
  #stay(ticket, address, list) {
    const panel = document.createElement("div");
    panel.className = "panel";
    panel.dataset.live = ticket;
    panel.dataset.src = `/tickets/${ticket}/files/`;
    panel.append(document.createElement("div"), list, this.form.querySelector("[data-announcer]"));
    panel.firstChild.dataset.part = "sent";
    this.form.before(panel);
    this.form.hidden = true;
    this.#note("Your request is sent. Your files are on their way to it.", panel, address);
    new MutationObserver(() => list.children.length === 0 && location.assign(address)).observe(list, { childList: true });
  }

  #note(text, place = this.form, address = "") {
    place.querySelector("[data-sent]")?.remove();
    const note = document.createElement("p");
    note.className = "note";
    note.dataset.sent = "";
    note.setAttribute("role", "status");
    note.textContent = text;
    if (address) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = "Open the ticket";
      note.append(" ", link);
    }
    place.prepend(note);
  }
}
