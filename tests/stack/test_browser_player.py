"""A press of play is never lost, whatever loads the film anew at that moment."""

from __future__ import annotations

import pytest

from tests.media import clip
from tests.stack.browser import chromium, moves, sign_in
from tests.stack.client import Upload
from tests.stack.system import System

pytestmark = [pytest.mark.stack, pytest.mark.browser]
# Somebody presses play in the last moment before the page's script gives the player its film: that asks first what the browser can play.
PRESSED_EARLY = """
window.presses = 0;
const ask = MediaSource.isTypeSupported;
MediaSource.isTypeSupported = (type) => {
  const player = document.querySelector("[data-play]");
  if (!window.presses && player) {
    window.presses += 1;
    player.play().catch((error) => { window.taken = error.name; });
  }
  return ask.call(MediaSource, type);
};
let Made;
Object.defineProperty(window, "Hls", {
  get: () => Made,
  set: (Hls) => { Made = class extends Hls { constructor(...given) { super(...given); window.hls = this; } }; },
});
"""


def test_a_press_before_the_film_is_there_counts_and_one_before_a_recovery_too(system: System) -> None:
    upload = Upload(system.url, system.token, clip(seconds=20, width=160, height=90))
    assert upload.create().status_code == 201
    upload.send(seconds=60)
    system.wait_for_state(upload.video, "ready", seconds=120)
    with chromium() as browser:
        page = browser.new_page()
        sign_in(page, system.url, system.email, system.password)
        page.add_init_script(PRESSED_EARLY)
        page.goto(f"{system.url}/videos/{upload.video}/")
        moves(page)
        assert page.evaluate("[window.presses, window.taken]") == [1, "AbortError"], "the browser took the press back: this test proves something"

        recovered = page.evaluate("() => { const { currentTime } = window.hls.media; window.hls.recoverMediaError(); return currentTime; }")
        moves(page, beyond=recovered + 0.5)
