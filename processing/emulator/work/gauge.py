"""How far a job is, told to the API, and as STATUS_UPDATE events at the interval the job asked for, on the emulator's clock."""

from __future__ import annotations

from ..faults import Fault
from ..state import Canceled, Job, Phase, Services
from . import envelopes
from .codes import JobError

# Where each phase begins and ends, in percent of the whole job.
SPANS = {Phase.PROBING: (0, 5), Phase.TRANSCODING: (5, 90), Phase.UPLOADING: (90, 100)}


class Stuck(Exception):
    """A fault asks that the job stays as it is for ever."""


class Gauge:
    """Of one job, used by its worker alone."""

    def __init__(self, job: Job, services: Services) -> None:
        self._job, self._services = job, services
        self._phase = Phase.PROBING
        self._shares: dict[Phase, int] = {}
        self._percent = 0
        self._told = services.clock.now()
        self.frames = 0
        self.estimated = True  # False: how far the whole job is, is unknown, as the service has it for some containers

    def enter(self, phase: Phase) -> None:
        """Begin a phase.

        Raises:
            Canceled: the job has ended. JobError, Stuck: the fault book says so.
        """
        self._shares |= dict.fromkeys(self._shares, 100) | {phase: 0}
        self._phase, self._percent = phase, SPANS[phase][0]
        self._services.progress(self._job, phase, self._shown)
        subject = self._job.subject(phase=phase.value)
        if self._services.faults.take(Fault.STUCK, subject) is not None:
            raise Stuck(phase)
        if (rule := self._services.faults.take(Fault.JOB_ERROR, subject)) is not None:
            raise JobError(int(rule.params["code"]), str(rule.params.get("message") or ""))

    def check(self) -> None:
        """Return if the job may go on; tell how far it is if it is time to.

        Raises:
            Canceled: it may not.
        """
        if self._job.stop.is_set():
            raise Canceled
        now = self._services.clock.now()
        if now - self._told >= self._job.status_interval_s:
            self._told = now
            event = envelopes.status_update(self._job, now, self._phase, self._shown, self._shares, frames=self.frames)
            self._services.emit(self._job, event)

    def tell(self, share: float) -> None:
        """Args: share: of the phase that is done, 0 to 1."""
        begins, ends = SPANS[self._phase]
        percent = begins + int((ends - begins) * share)
        self._shares[self._phase] = int(100 * share)
        if percent > self._percent:
            self._percent = percent
            self._services.progress(self._job, self._phase, self._shown)
        self.check()

    @property
    def _shown(self) -> int | None:
        return self._percent if self.estimated else None
