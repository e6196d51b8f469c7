"""Debian's Chromium, driven by Playwright. Skipped with a reason where there is none, never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.stack.system import wait_for

expect.set_options(timeout=30_000)  # a machine that does much at once is slow, not wrong

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


def chromium_path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    reason = "no Chromium on this machine (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


def sign_up(page: Page, base: str, email: str) -> None:
    page.goto(f"{base}/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.locator("input[type=password]").first.fill("a long and quiet river")
    page.locator("main button[type=submit]").click()
    page.wait_for_url(f"{base}/")


def plays(page: Page) -> None:
    """Play what the page shows until it moves; a player that is still loading is asked again."""
    ask = "(player => (player.play().catch(() => {}), player.currentTime > 0.5))(document.querySelector('[data-play]'))"
    wait_for(lambda: page.evaluate(ask), seconds=30, what="it plays")
