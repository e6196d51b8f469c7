"""Settings for lives over S3: parts of 64 KiB, which the S3 of these tests takes."""

from config.settings import *  # noqa: F403

S3_PART_SIZE = 64 * 2**10
