"""What can go wrong between an accepted file and a playable one. `classify.py` says which class of failure each stands for."""

from .common import NEW_FILE, OF_THE_FILE, OURS, READ_GUIDE, TRY_AGAIN, WE_GO_ON
from .endings import EncodingUnclassified, GaveUp, SourcePoisonous
from .of_engines import DiskFull, EngineBusy, EngineFailed, EngineMissing, EngineStalled
from .of_storage import SourceLost
from .of_the_file import FormatUnsupported, NothingToPlay, OutputInvalid, SourceCorrupt, SourceTruncated, SourceUnreadable

__all__ = [
    "NEW_FILE",
    "OF_THE_FILE",
    "OURS",
    "READ_GUIDE",
    "TRY_AGAIN",
    "WE_GO_ON",
    "DiskFull",
    "EncodingUnclassified",
    "EngineBusy",
    "EngineFailed",
    "EngineMissing",
    "EngineStalled",
    "FormatUnsupported",
    "GaveUp",
    "NothingToPlay",
    "OutputInvalid",
    "SourceCorrupt",
    "SourceLost",
    "SourcePoisonous",
    "SourceTruncated",
    "SourceUnreadable",
]
