"""`python -m tests.conformance URL [--token T] [--only tus|ietf] [--json]`: exits 1 on any failure of a MUST or SHOULD."""

from __future__ import annotations

import argparse
import sys

from . import report
from .runner import PROTOCOLS, Result, failures, run
from .speaker import Target


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Asks a server for every requirement of tus 1.0 and the IETF draft.")
    parser.add_argument("url", help="where uploads are created, such as http://127.0.0.1:8000/files/")
    parser.add_argument("--token", default="", help="sent as Authorization: Token …; with a scheme in front ('Bearer …') as it is")
    parser.add_argument("--only", choices=PROTOCOLS, default="", help="one protocol, asked for even if OPTIONS does not announce it")
    parser.add_argument("--match", default="", metavar="TEXT", help="only checks whose id contains this")
    parser.add_argument("--json", action="store_true", help="results as JSON instead of a table")
    parser.add_argument("--jobs", type=int, default=4, help="checks at the same time")
    parser.add_argument("--patience", type=float, default=40.0, metavar="SECONDS", help="how long to wait for a read timeout or an expiry")
    given = parser.parse_args(arguments)
    target = Target(given.url, authorization(given.token), given.patience)
    try:
        _ = target.capabilities
    except OSError as unreachable:
        print(f"{given.url} does not answer: {unreachable}", file=sys.stderr)
        return 2
    results = run(target, only=given.only, matching=given.match, jobs=given.jobs, told=(lambda _result: None) if given.json else _tell)
    if not results:
        print("No check has such an id.", file=sys.stderr)
        return 2
    print(report.as_json(results) if given.json else f"\n{report.totals(results)}")
    return 1 if failures(results) else 0


def authorization(token: str) -> str:
    return token if not token or " " in token else f"Token {token}"


def _tell(result: Result) -> None:
    print(report.line(result), flush=True)


if __name__ == "__main__":
    sys.exit(main())
