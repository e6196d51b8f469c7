"""Measurements (`python -m tests.bench`)."""

import os
from pathlib import Path

# Read before tests.embedded_postgres gives this process a VAR_DIR of its own: what is installed for a comparison is kept.
TOOLS = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[2] / "var").resolve() / "bench"
