"""`python -m processing.emulator`: run the emulator until SIGTERM or SIGINT. Prints one line of JSON with its address when it is ready."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from . import work
from .app import Server
from .service import Emulator
from .state import Options

FAST_CONCURRENCY = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=5040, help="0: any free one (default 5040)")
    parser.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    parser.add_argument("--s3-endpoint", default="", help="where S3 is (default: AWS's own)")
    parser.add_argument("--sqs-endpoint", default="", help="where SQS is (default: AWS's own)")
    parser.add_argument("--queue-url", default="", help="the SQS queue that events go to; {region} in it stands for the job's (default: none are sent)")
    parser.add_argument("--mode", choices=["real", "fast"], default="real", help="fast: small outputs at once, nothing is transcoded")
    parser.add_argument("--seed", type=int, default=0, help="of faults that happen with a probability")
    parser.add_argument("--state-dir", type=Path, help="where jobs, queues and the journal outlive a restart (default: nowhere)")
    parser.add_argument("--account", default="123456789012", help="AWS account number in ARNs")
    parser.add_argument("--concurrency", type=int, help=f"jobs at once (default: the processors, {FAST_CONCURRENCY} in fast mode)")


def options_of(found: argparse.Namespace) -> Options:
    fast = found.mode == "fast"
    return Options(
        port=found.port,
        host=found.host,
        s3_endpoint=found.s3_endpoint,
        sqs_endpoint=found.sqs_endpoint,
        queue_url=found.queue_url,
        fast=fast,
        seed=found.seed,
        state_dir=found.state_dir,
        account=found.account,
        concurrency=found.concurrency or (FAST_CONCURRENCY if fast else os.cpu_count() or 1),
    )


def serve(options: Options) -> None:
    """Run an emulator until SIGTERM or SIGINT; then stop its jobs and end.

    Raises:
        OSError: the port is taken, or the state directory cannot be written.
    """
    emulator = Emulator(options, work)
    with Server(emulator) as server:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        emulator.start()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True).start()
        print(json.dumps({"listening": f"http://{options.host}:{server.server_port}", "pid": os.getpid()}), flush=True)
        stop.wait()
        server.shutdown()
        emulator.stop()


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 stopped, 1 could not start (2 wrong use)."""
    parser = argparse.ArgumentParser(prog="mediaconvert_emulator", description="A MediaConvert to work against, whose jobs really transcode.")
    add_arguments(parser)
    try:
        serve(options_of(parser.parse_args(arguments)))
    except OSError as error:
        print(f"The emulator cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
