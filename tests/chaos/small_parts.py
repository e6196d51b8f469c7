"""Settings for servers under kills: parts and checkpoints so small that a kill meets every moment of them within a file of a few MiB."""

from config.settings import *  # noqa: F403

S3_PART_SIZE = 2**20  # less than AWS takes; the S3 of these tests takes it
UPLOAD_CHECKPOINT_BYTES = 512 * 2**10
UPLOAD_CHECKPOINT_SECONDS = 0.5
