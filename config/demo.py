"""`make demo`: the main job from a terminal, on a real clip, with the line cut in the middle.

Uses the running system of this VAR_DIR, or starts one for as long as the demo lasts. Talks to it as any program would: tus for the
file (tuspy, unmodified), the REST API for the rest. Exit code 0 only when every rendition decoded with the right duration.
With PROFILE=aws it uses the system of `make up-aws`, and things go wrong at MediaConvert meanwhile (config/demo_aws.py).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import av
import imageio_ffmpeg
import requests
from tusclient.client import TusClient

from config import env
from config.demo_aws import Story

WAIT_SECONDS = 600
ENDED = ("ready", "needs_new_file", "blocked", "failed", "canceled")


class DemoFailed(Exception):
    """The demo could not go on; the text says why."""


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: list[str]) -> int:
    var_dir = env.path("VAR_DIR", Path.cwd() / "var")
    try:
        with _running_system(var_dir) as url, tempfile.TemporaryDirectory() as folder:
            clip = Path(arguments[0]).expanduser() if arguments else _make_clip(Path(folder))
            if not clip.is_file():
                raise DemoFailed(f"There is no file at {clip}.")
            with _story(var_dir):
                Demo(url, _token(var_dir), clip).run(Path(folder))
    except (DemoFailed, requests.RequestException) as failure:
        say(f"\nThe demo did not end well: {failure}")
        return 1
    return 0


@contextmanager
def _story(var_dir: Path) -> Iterator[None]:
    """On the profile with MediaConvert: break things there before, and tell about them after, however it ended."""
    if os.environ.get("PROFILE") != "aws":
        yield
        return
    story = Story(var_dir)
    story.break_things()
    try:
        yield
    finally:
        story.mend()
        story.tell()


@contextmanager
def _running_system(var_dir: Path) -> Iterator[str]:
    """Give the address of the system over `var_dir`; start and stop one when none runs."""
    lock = var_dir / "run" / "launcher.lock"
    url = lock.read_text().strip() if lock.exists() else ""
    if url and _answers(url):
        say(f"Using the system at {url}")
        yield url
        return
    say("Starting the system")
    launcher = subprocess.Popen([sys.executable, "-m", "config.launcher"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert launcher.stdout is not None
        for line in launcher.stdout:
            if found := re.search(r"Holdfast is running.*(http://\S+?)/\s*$", line):
                yield found[1]
                say(
                    "The system of this demo stops now. `make up` starts it again, with this video in it."
                    if os.environ.get("PROFILE") != "aws"
                    else "The system of this demo stops now."
                )
                return
        raise DemoFailed("the system did not start; its reason is above")
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.communicate(timeout=60)


def _answers(url: str) -> bool:
    try:
        return bool(requests.get(f"{url}/healthz", timeout=2).ok)
    except requests.RequestException:
        return False


def _token(var_dir: Path) -> str:
    """Make an API token as a person would: `manage.py api_token EMAIL`."""
    email = json.loads((var_dir / "login.json").read_text())["email"]
    environment = os.environ | {"VAR_DIR": str(var_dir), "PROFILE": "embedded"}  # of settings there are only two profiles
    done = subprocess.run([sys.executable, "manage.py", "api_token", email], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoFailed(f"no API token for {email}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.split()[-1]


def _make_clip(folder: Path) -> Path:
    say("Making a clip: 12 s, 1280×720, picture and sound")
    clip = folder / "demo.mp4"
    picture, sound = "testsrc2=size=1280x720:rate=30:duration=12", "sine=frequency=330:duration=12"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "4M", str(clip)], check=True)
    return clip


class Demo:
    def __init__(self, url: str, token: str, clip: Path) -> None:
        self.url = url
        self.clip = clip
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Token {token}"

    def run(self, folder: Path) -> None:
        size = self.clip.stat().st_size
        say(f"\nUploading {self.clip.name} ({size / 1e6:.1f} MB)")
        upload_url, video_id = self._create(size)
        self._send_half_and_cut(upload_url, size)
        kept = self._offset(upload_url)
        say(f"  line cut; the server kept {kept:,} of {size:,} bytes ({100 * kept // max(1, size)} %)")
        self._resume(upload_url)
        say("  resumed from there; all bytes are in")
        video = self._watch(video_id)
        self._show_timeline(video)
        if video["state"] != "ready":
            error = video.get("error") or {}
            raise DemoFailed(f"the video is {video['state']}: {error.get('title', '')} {error.get('what_happened', '')}")
        self._verify(video, folder)
        say(f"\nWatch it: {self.url}/videos/{video_id}/")

    def _create(self, size: int) -> tuple[str, str]:
        uploader = TusClient(f"{self.url}/files/", headers=dict(self.http.headers)).uploader(str(self.clip), metadata={"filename": self.clip.name})
        answer = self.http.post(
            f"{self.url}/files/", headers=uploader.get_headers() | {"Upload-Length": str(size), "Upload-Metadata": ",".join(uploader.encode_metadata())}
        )
        if answer.status_code != 201:
            raise DemoFailed(f"the upload was refused: {answer.json().get('title', answer.status_code)}. {answer.json().get('detail', '')}")
        return urljoin(self.url, answer.headers["Location"]), answer.headers["Holdfast-Video"]

    def _send_half_and_cut(self, upload_url: str, size: int) -> None:
        """Announce the whole file, send half of it, and reset the connection as a lost network would."""
        address = urlsplit(upload_url)
        head = f"PATCH {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        head += f"Content-Type: application/offset+octet-stream\r\nContent-Length: {size}\r\n\r\n"
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or 80), timeout=30) as line, self.clip.open("rb") as source:
            line.sendall(head.encode() + source.read(size // 2))
            time.sleep(0.5)  # let the kernel hand it over: a reset drops what is still in its buffers
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _offset(self, upload_url: str) -> int:
        answer = requests.head(upload_url, headers={"Tus-Resumable": "1.0.0"}, timeout=30)
        answer.raise_for_status()
        return int(answer.headers["Upload-Offset"])

    def _resume(self, upload_url: str) -> None:
        TusClient(f"{self.url}/files/").uploader(str(self.clip), url=upload_url, chunk_size=4 * 2**20, retries=10, retry_delay=1).upload()

    def _watch(self, video_id: str) -> dict[str, Any]:
        say("\nConverting")
        deadline = time.monotonic() + WAIT_SECONDS
        told = ""
        while time.monotonic() < deadline:
            video: dict[str, Any] = self.http.get(f"{self.url}/api/v1/videos/{video_id}", timeout=30).json()
            ready = [rendition["rung"] for rendition in video.get("renditions", []) if rendition["state"] == "ready"]
            now = (
                f"  {video['state']}"
                + (f", {video['percent']:.0f} %" if video.get("percent") is not None else "")
                + (f", playable: {', '.join(ready)}" if ready else "")
            )
            if now != told:
                say(now)
                told = now
            if video["state"] in ENDED:
                return video
            time.sleep(0.5)
        raise DemoFailed(f"not converted within {WAIT_SECONDS} s")

    def _show_timeline(self, video: dict[str, Any]) -> None:
        say("\nTimeline")
        for event in video["timeline"]:
            say(f"  {event['at'][11:19]}  {event['sentence']}")

    def _verify(self, video: dict[str, Any], folder: Path) -> None:
        say("\nChecking every rendition: downloaded, decoded to the end, duration compared")
        with av.open(str(self.clip)) as source:
            expected = (source.duration or 0) / av.time_base
        main_playlist = self.http.get(urljoin(self.url, video["playlist_url"]), timeout=30)
        main_playlist.raise_for_status()
        variants = [line for line in main_playlist.text.splitlines() if line and not line.startswith("#")]
        if not variants:
            raise DemoFailed("the main playlist names no rendition")
        for variant in variants:
            address = urljoin(main_playlist.url, variant)
            seconds, frames = self._decode(address, folder)
            say(f"  {'/'.join(urlsplit(variant).path.split('/')[-2:]):<40} {seconds:7.2f} s of {expected:.2f} s, {frames} frames")
            if abs(seconds - expected) > max(1.0, 0.02 * expected):
                raise DemoFailed(f"{variant} lasts {seconds:.2f} s instead of {expected:.2f} s")

    def _decode(self, playlist_address: str, folder: Path) -> tuple[float, int]:
        """Download one rendition's playlist and segments, decode all of it. Return seconds and decoded frames."""
        target = folder / "rendition"
        target.mkdir(exist_ok=True)
        text = requests.get(playlist_address, timeout=30).text
        names = re.findall(r'URI="([^"]+)"', text) + [line for line in text.splitlines() if line and not line.startswith("#")]
        joined = target / "joined"
        with joined.open("wb") as out:
            for name in names:
                answer = requests.get(urljoin(playlist_address, name), timeout=60)  # an address is all a player needs
                answer.raise_for_status()
                out.write(answer.content)
        seconds = sum(float(value) for value in re.findall(r"#EXTINF:([\d.]+)", text))
        with av.open(str(joined)) as rendition:
            stream = rendition.streams.video[0] if rendition.streams.video else rendition.streams.audio[0]
            frames = sum(1 for _frame in rendition.decode(stream))
        if not frames:
            raise DemoFailed(f"nothing in {playlist_address} decodes")
        return seconds, frames


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.exit(main(sys.argv[1:]))
