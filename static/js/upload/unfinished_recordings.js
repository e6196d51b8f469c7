// Uploads whose length nobody said, begun elsewhere: nothing can be chosen to go on with, but what has arrived can be kept as it is.
import { Growing, growing } from "./growing.js";
import { UploadJob } from "./job.js";
import { atOnce } from "./queue.js";
import { take } from "./unfinished.js";

export function startFinishing({ settings, list }) {
  for (const button of document.querySelectorAll("[data-finish-session]")) {
    button.addEventListener("click", () => {
      const { session, video, name, committed } = button.closest("[data-session]").dataset;
      const source = new Growing([], Number(committed));
      source.finish();
      const recording = { source, print: "", session, video, more: { options: growing }, named() {}, ended() {} };
      take(button.closest("[data-session]"));
      new UploadJob({ name, type: "", size: source.size }, { settings, list, queue: atOnce, item: null, video, choose: () => {}, recording });
    });
  }
}
