"""Run the MediaConvert emulator: `docs/mediaconvert-emulator.md`."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing.emulator.__main__ import add_arguments, options_of, serve


class Command(BaseCommand):
    help = "Run a MediaConvert to work against, whose jobs really transcode. Needs no database. Ends at SIGTERM or SIGINT."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            serve(options_of(argparse.Namespace(**options)))
        except OSError as error:
            raise CommandError(f"The emulator cannot start: {error}") from error
