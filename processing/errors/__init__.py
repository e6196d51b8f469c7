"""What can go wrong between an accepted file and a playable one. `classify.py` says which class of failure each stands for."""

from .common import NEW_FILE, OF_THE_FILE, OURS, READ_GUIDE, TRY_AGAIN, WE_GO_ON
from .endings import EncodingUnclassified, GaveUp, SourcePoisonous
from .of_engines import DiskFull, EngineBusy, EngineFailed, EngineMissing, EngineStalled, SlotsTaken
from .of_partners import (
    AccelerationOff,
    AccessRefused,
    EngineAway,
    EngineFull,
    EngineThrottled,
    NoEngineLeft,
    PartnerAway,
    ReplicaMissing,
    SavingFailed,
    SettingsRefused,
    TookTooLong,
)
from .of_storage import SourceLost, StorageFailed
from .of_submission import SubmissionUnsettled
from .of_the_file import FormatUnsupported, NothingToPlay, OutputInvalid, SourceCorrupt, SourceTruncated, SourceUnreadable
from .of_the_track import HdrDamaged, NoPicture, SoundUnreadable, SourceDamaged, TimesBroken
from .partners import saying

__all__ = [
    "NEW_FILE",
    "OF_THE_FILE",
    "OURS",
    "READ_GUIDE",
    "TRY_AGAIN",
    "WE_GO_ON",
    "AccelerationOff",
    "AccessRefused",
    "DiskFull",
    "EncodingUnclassified",
    "EngineAway",
    "EngineBusy",
    "EngineFailed",
    "EngineFull",
    "EngineMissing",
    "EngineStalled",
    "EngineThrottled",
    "FormatUnsupported",
    "GaveUp",
    "HdrDamaged",
    "NoEngineLeft",
    "NoPicture",
    "NothingToPlay",
    "OutputInvalid",
    "PartnerAway",
    "ReplicaMissing",
    "SavingFailed",
    "SettingsRefused",
    "SlotsTaken",
    "SoundUnreadable",
    "SourceCorrupt",
    "SourceDamaged",
    "SourceLost",
    "SourcePoisonous",
    "SourceTruncated",
    "SourceUnreadable",
    "StorageFailed",
    "SubmissionUnsettled",
    "TimesBroken",
    "TookTooLong",
    "saying",
]
