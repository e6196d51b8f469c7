// Every signed-in page: live news, local times, the account menu, copy buttons, the player and uploads where there are any.
import { startLibrary } from "./library.js";
import { startLive } from "./live.js";
import { localTimes } from "./times.js";
import { startPlayers } from "./player.js";
import { startAsking } from "./upload/ask.js";
import { startUploads } from "./upload/page.js";

function menus() {
  for (const menu of document.querySelectorAll("[data-menu]")) {
    document.addEventListener("click", (event) => {
      if (menu.open && !menu.contains(event.target)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
}

function copyButtons() {
  const button = document.querySelector("[data-copy]");
  if (!button || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector("[data-copy-source]").textContent);
    button.textContent = "Copied";
  });
}

menus();
copyButtons();
localTimes(document);
startPlayers(document);
startUploads();
startAsking();
startLibrary();
startLive(document.body.dataset.events);
