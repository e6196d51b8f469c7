"""A page on our site with tus-js-client as it comes from npm, driven by a test through `window.trial`."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.stack.system import ROOT

TUS = ROOT / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
_HTML = '<!doctype html><meta charset="utf-8"><title>tus</title><input type="file" aria-label="File">'
_SCRIPT = """
window.trial = { sent: 0, done: false, error: "", url: "", status: 0, body: "" };
trial.make = (more) => new tus.Upload(document.querySelector("input").files[0], {
  endpoint: "/files/", chunkSize: 256 * 1024, retryDelays: [0, 200, 500, 1000, 1000, 1000], metadata: trial.metadata(), ...more,
  onProgress: (sent) => (trial.sent = sent),
  onError: (error) => {
    trial.error = String(error);
    trial.status = error.originalResponse?.getStatus() ?? 0;
    trial.body = error.originalResponse?.getBody() ?? "";
  },
  onSuccess: () => Object.assign(trial, { done: true, url: trial.upload.url }),
});
trial.metadata = () => ({ filename: document.querySelector("input").files[0].name });
trial.begin = async (more) => {
  trial.upload = trial.make(more);
  const [before] = await trial.upload.findPreviousUploads();
  if (before) trial.upload.resumeFromPreviousUpload(before);
  trial.upload.start();
  return before?.parallelUploadUrls?.length ?? 0;
};
trial.kept = () => Object.keys(localStorage).filter((key) => key.startsWith("tus::")).length;
"""


def open_page(page: Page, base: str) -> None:
    """Put the page on our site: same origin, same cookies. Opened again, it is what a reload is."""
    page.goto(f"{base}/healthz")
    page.set_content(_HTML)
    page.add_script_tag(content=TUS.read_text())
    page.add_script_tag(content=_SCRIPT)
