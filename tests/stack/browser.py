"""Debian's Chromium, driven by Playwright. Skipped with a reason where there is none, never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.stack.system import wait_for

expect.set_options(timeout=60_000)  # a machine that does much at once is slow, not wrong

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


def sign_in(page: Page, base: str, email: str, password: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.locator("input[type=password]").fill(password)
    page.locator("main button[type=submit]").click()
    page.wait_for_url(f"{base}/")


def plays(page: Page) -> None:
    """Press play once, as a person does, and wait until it moves."""
    page.evaluate("() => { document.querySelector('[data-play]').play().catch(() => {}); }")
    moves(page)


def moves(page: Page, *, beyond: float = 0.5) -> None:
    """Wait until what the page shows is played and past `beyond` seconds, whoever pressed the button."""
    wait_for(lambda: page.evaluate("document.querySelector('[data-play]').currentTime") > beyond, seconds=60, what=f"it plays beyond {beyond} s")
