"""Every error code MediaConvert has, with words as it says them, and what each must come to. Written down apart from the code it tests."""

from __future__ import annotations

from dataclasses import dataclass

UNREADABLE = "Unable to open input file [s3://b/k.mp4]: [Failed probe/open: [No parser found for container]]"


@dataclass(frozen=True)
class Case:
    """One thing MediaConvert may say: `code`, `message`, and the class and the catalogue's entry it stands for.

    `decision`: what comes after the first failure of a job whose chain is two regions and then the local engine, before or without a look at
    the file. `engine`: where it goes on.
    """

    code: str
    message: str
    error_class: str
    entry: str
    decision: str
    engine: str = ""

    @property
    def name(self) -> str:
        return f"{self.code}-{self.error_class}"


HERE, THERE, LOCAL = "mediaconvert:eu-west-1", "mediaconvert:eu-central-1", "local"
SAME, NEXT, LOOK, NEW_FILE = "same_engine", "next_engine", "look", "needs_new_file"

CASES = [
    Case("1010", UNREADABLE, "input_unreadable", "ENCODING_SOURCE_UNREADABLE", LOOK),
    Case("1010", "Unable to open input file [s3://b/k.mp4]: Access Denied", "iam", "ENCODING_ACCESS_REFUSED", LOOK),
    Case("1010", "Unable to open input file: 404 Not Found", "transient", "ENCODING_STORAGE_FAILED", LOOK),
    Case("1020", "No video found in the input", "input_no_video", "ENCODING_NO_PICTURE", NEW_FILE),
    Case("1021", "No audio frames decoded", "input_corrupt", "ENCODING_SOUND_UNREADABLE", NEXT, LOCAL),
    Case("1022", "Timecode not found", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1030", "Video codec [svq1] is not supported", "input_codec", "ENCODING_FORMAT_UNSUPPORTED", NEXT, LOCAL),
    Case("1040", "only even values", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1041", "Settings are not compatible with acceleration", "acceleration", "ENCODING_ACCELERATION_OFF", SAME, HERE),
    Case("1042", "Job too small", "acceleration", "ENCODING_ACCELERATION_OFF", SAME, HERE),
    Case("1043", "empty edit lists", "acceleration", "ENCODING_ACCELERATION_OFF", SAME, HERE),
    Case("1050", "Disk full", "capacity", "ENCODING_ENGINE_FULL", SAME, HERE),
    Case("1056", "MGILoaderMOV", "input_unreadable", "ENCODING_SOURCE_UNREADABLE", LOOK),
    Case("1060", "Decoder closed. No pictures decoded", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1075", "no moov box found in file", "input_truncated", "ENCODING_SOURCE_TRUNCATED", NEW_FILE),
    Case("1075", "elst box outside of track", "input_corrupt", "ENCODING_SOURCE_DAMAGED", NEXT, LOCAL),
    Case("1076", "end of file hit at length [9]. Is file truncated?", "input_truncated", "ENCODING_SOURCE_TRUNCATED", NEW_FILE),
    Case("1080", "MXF", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1091", "Connection reset by peer", "dependency", "ENCODING_PARTNER_AWAY", SAME, HERE),
    Case("1091", "HTTP 500", "dependency", "ENCODING_PARTNER_AWAY", SAME, HERE),
    Case("1091", "403 Forbidden", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1092", "Dolby header", "input_corrupt", "ENCODING_SOUND_UNREADABLE", NEXT, LOCAL),
    Case("1093", "Audio description", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1401", "Access Denied on arn:aws:s3:::b", "iam", "ENCODING_ACCESS_REFUSED", LOOK),
    Case("1404", "HeadObject failed", "transient", "ENCODING_STORAGE_FAILED", LOOK),
    Case("1432", "The IAM role is not valid", "iam", "ENCODING_ACCESS_REFUSED", SAME, HERE),
    Case("1433", "Cannot assume role", "iam", "ENCODING_ACCESS_REFUSED", SAME, HERE),
    Case("1434", "AssumeRole failed", "iam", "ENCODING_ACCESS_REFUSED", SAME, HERE),
    Case("1507", "Disk full", "capacity", "ENCODING_ENGINE_FULL", SAME, HERE),
    Case("1515", "Role ARN malformed", "iam", "ENCODING_ACCESS_REFUSED", SAME, HERE),
    Case("1517", "Error uploading outputs", "transient", "ENCODING_SAVING_FAILED", SAME, HERE),
    Case("1522", "Internal timeout", "transient", "ENCODING_TOOK_TOO_LONG", SAME, HERE),
    Case("1550", "Acceleration fault", "acceleration", "ENCODING_ACCELERATION_OFF", SAME, HERE),
    Case("1601", "Nielsen", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1602", "NexGuard", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1603", "Kantar", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("1700", "Dolby Vision metadata invalid on frame 3", "input_corrupt", "ENCODING_HDR_DAMAGED", NEXT, LOCAL),
    Case("1999", "", "transient", "ENCODING_ENGINE_FAILED", SAME, HERE),
    Case("1999", "std::bad_alloc", "transient", "ENCODING_ENGINE_FAILED", SAME, HERE),
    Case("1999", "Could not commit single file", "transient", "ENCODING_ENGINE_FAILED", SAME, HERE),
    Case("1999", "low framerate and audio that continues past the end", "input_corrupt", "ENCODING_TIMES_BROKEN", NEXT, LOCAL),
    Case("1999", "did not find a valid series of timestamps", "input_corrupt", "ENCODING_TIMES_BROKEN", NEXT, LOCAL),
    Case("1999", "Decoder error: corrupt video data in the input", "input_corrupt", "ENCODING_SOURCE_DAMAGED", NEXT, LOCAL),
    Case("3400", "HLS input manifest", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3401", "401", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3403", "403", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3404", "404", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3408", "timeout", "transient", "ENCODING_STORAGE_FAILED", SAME, HERE),
    Case("3450", "503 s3://b/k.mp4", "transient", "ENCODING_STORAGE_FAILED", LOOK),
    Case("3451", "cannot connect", "transient", "ENCODING_STORAGE_FAILED", SAME, HERE),
    Case("3452", "malformed URL", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3453", "redirect", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3454", "DNS", "transient", "ENCODING_STORAGE_FAILED", SAME, HERE),
    Case("3455", "TLS", "dependency", "ENCODING_PARTNER_AWAY", SAME, HERE),
    Case("3456", "bad host", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3457", "input policy", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3458", "no ranged GET", "config", "ENCODING_SETTINGS_REFUSED", NEXT, LOCAL),
    Case("3999", "unexpected", "transient", "ENCODING_STORAGE_FAILED", SAME, HERE),
]
