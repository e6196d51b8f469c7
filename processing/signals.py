"""What `processing` tells the rooms above it. All are sent inside the transaction of the change; receivers only insert rows."""

from __future__ import annotations

from django.dispatch import Signal

job_progressed = Signal()  # job: Job. Its percent or phase moved (at most every 2 s).
first_rendition_ready = Signal()  # job: Job. The lowest rung can be played.
job_ready = Signal()  # job: Job. Everything it will make is made (state ready or ready_partial).
job_needs_new_file = Signal()  # job: Job. The user's move; job.error_code says why.
job_retrying = Signal()  # job: Job, retry_at: datetime. Sent once per job, not per try.
job_given_up = Signal()  # job: Job. Dead: every engine exhausted.
extra_ready = Signal()  # video: Video, kind: str. What is made besides its qualities is there: download, thumbnails, captions.
