// The upload box of a page, and the buttons of its unfinished uploads.
import { UploadJob } from "./job.js";
import { Queue } from "./queue.js";
import { startRecording } from "./record.js";
import { startFinishing } from "./unfinished_recordings.js";

export function startUploads() {
  const data = document.getElementById("upload-settings");
  const box = document.querySelector("[data-drop]");
  if (!data || !box || !window.tus) return;
  const settings = JSON.parse(data.textContent);
  const queue = new Queue();
  const input = box.querySelector("input[type=file]");
  const list = document.querySelector("[data-uploads]");
  const choose = () => input.click();
  const begin = (files, item = null, again = choose) => {
    for (const file of files) new UploadJob(file, { settings, queue, list, item, video: box.dataset.replaces ?? "", choose: again });
  };
  takeChosen(input, (files) => begin(files));
  takeDropped(box, (files) => begin(box.dataset.replaces ? files.slice(0, 1) : files));
  for (const resume of document.querySelectorAll("[data-resume]")) {
    takeChosen(resume, (files) => begin(files, resume.closest("[data-session]"), () => resume.click()));
  }
  startRecording({ settings, list });
  startFinishing({ settings, list });
  window.addEventListener("beforeunload", (event) => {
    if (queue.busy) event.preventDefault();
  });
}

function takeChosen(input, begin) {
  input.addEventListener("change", () => {
    begin([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}

function takeDropped(box, begin) {
  const over = (on) => box.classList.toggle("over", on);
  for (const kind of ["dragenter", "dragover"]) {
    box.addEventListener(kind, (event) => {
      event.preventDefault();
      over(true);
    });
  }
  box.addEventListener("dragleave", (event) => box.contains(event.relatedTarget) || over(false));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    begin([...event.dataTransfer.files]);
  });
  // A file dropped beside the box would otherwise replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
}
