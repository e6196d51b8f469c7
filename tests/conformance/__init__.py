"""A black-box conformance suite for resumable uploads: tus 1.0 and the IETF draft. `python -m tests.conformance URL` (docs/conformance.md)."""
