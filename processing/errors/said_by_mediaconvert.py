"""Every error code of a MediaConvert job: the 46 of its current list, and the two (1050, 1507) that only the list of 2023 has."""

from __future__ import annotations

from .said import Said, Sayings

_DENIED = r"access ?denied|forbidden|\b403\b|not authorized|kms:"
_STORAGE = r"\b404\b|no ?such ?(key|bucket)|headobject failed|slow ?down|timed? ?out|connection reset|\b50\d\b"
_PROTECTION_AWAY = r"\b5\d\d\b|reset by peer|timed? ?out|unavailable|could not connect"
_TIMESTAMPS = r"low framerate and audio that continues past the end|did not find a valid series of timestamps"

_SETTINGS = "We wrote settings that MediaConvert refuses, so every file like this one fails: compare them with its message, and put the settings builder right."
_LINKS = "We only ever give MediaConvert files in S3. See how an address of the web came into the job's inputs."
_WAIT = "Nothing to do while it is rare. If it goes on, look at the AWS Health Dashboard of the region, and open a case with the job's id."
_ROLE = "Look at MEDIACONVERT_ROLE_ARN: the role exists, MediaConvert may assume it (trust policy), and its policy covers both buckets and their keys."
_FILE = "Compare the file's size and SHA-256 with the upload session. If they agree, only the owner can help."

_ROWS = (
    Said("1010", "ENCODING_ACCESS_REFUSED", "Unable to open input file [s3://uploads/a/source.mp4]: [AccessDenied: Access Denied]", _ROLE, _DENIED, True),
    Said(
        "1010",
        "ENCODING_STORAGE_FAILED",
        "Unable to open input file [s3://uploads/a/source.mp4]: [404 Not Found]",
        "See whether the object is in the bucket of this region, and whether S3 is well there.",
        _STORAGE,
        True,
    ),
    Said(
        "1010",
        "ENCODING_SOURCE_UNREADABLE",
        "Unable to open input file [s3://uploads/a/source.mp4]: [Failed probe/open: [No parser found for container]]",
        _FILE,
        "",
        True,
    ),
    Said(
        "1020",
        "ENCODING_NO_PICTURE",
        "No video found in input: did not read enough good frames",
        "Compare with the session's probe: if that names a picture, the input's selectors are a fault of ours.",
    ),
    Said(
        "1021",
        "ENCODING_SOUND_UNREADABLE",
        "No audio frames decoded on audio selector [Audio Selector 1]",
        "Another converter tries it. Play the source: if its sound is fine, see the audio selector we wrote.",
    ),
    Said("1022", "ENCODING_SETTINGS_REFUSED", "Timecode not found: embeddedTimecodeOverride is set to MDPM", _SETTINGS),
    Said(
        "1030",
        "ENCODING_FORMAT_UNSUPPORTED",
        "Video codec [svq1] is not a supported input video codec",
        "Nothing to do: the local converter knows more formats. If many come, let inspection send this format there first.",
    ),
    Said("1040", "ENCODING_SETTINGS_REFUSED", "The width setting can have only even values. Duplicate input and output path.", _SETTINGS),
    Said(
        "1041",
        "ENCODING_ACCELERATION_OFF",
        "Accelerated transcoding is not supported with these job settings",
        "Nothing to do: it runs again without. If all jobs do so, set MEDIACONVERT_ACCELERATION=disabled.",
    ),
    Said(
        "1042",
        "ENCODING_ACCELERATION_OFF",
        "Your job is too small for accelerated transcoding",
        "Nothing to do: it runs again without. PREFERRED should not lead here, so look at the job's AccelerationSettings.",
    ),
    Said("1043", "ENCODING_ACCELERATION_OFF", "The input is not compatible with acceleration: empty edit lists", "Nothing to do: it runs again without."),
    Said("1050", "ENCODING_ENGINE_FULL", "Disk full", _WAIT),
    Said("1056", "ENCODING_ACCESS_REFUSED", "MGILoaderMOV: could not open s3://uploads/a/source.mp4: 403 Forbidden", _ROLE, _DENIED, True),
    Said("1056", "ENCODING_SOURCE_UNREADABLE", "MGILoaderMOV: Failed to open file s3://uploads/a/source.mp4", _FILE, "", True),
    Said(
        "1060",
        "ENCODING_SETTINGS_REFUSED",
        "Decoder closed. No pictures decoded: the clip's timecodes are not in the input",
        "We set no clips: see how one came into the job's inputs.",
    ),
    Said("1075", "ENCODING_SOURCE_TRUNCATED", "Demux: no moov box found in file", _FILE, r"no moov (box|atom)|moov (box|atom) (is )?(missing|not found)"),
    Said("1075", "ENCODING_SOURCE_DAMAGED", "Demux: invalid AVC header; elst box outside of track", _FILE),
    Said(
        "1076",
        "ENCODING_SOURCE_TRUNCATED",
        "end of file hit at length [1048576]. Is file truncated?",
        "First compare the object's size in S3 with the upload session: if it is smaller, the loss is ours.",
    ),
    Said("1080", "ENCODING_SETTINGS_REFUSED", "MXF output: the profile does not allow this resolution", _SETTINGS),
    Said(
        "1091",
        "ENCODING_PARTNER_AWAY",
        "SPEKE key provider: 500 Internal Server Error, Connection reset by peer",
        "See whether the key provider is well. We use none by default: look who set one.",
        _PROTECTION_AWAY,
    ),
    Said(
        "1091",
        "ENCODING_SETTINGS_REFUSED",
        "SPEKE key provider: 403 Forbidden",
        "The key provider refuses us: look at its credentials and its address. We use none by default: look who set one.",
    ),
    Said(
        "1092",
        "ENCODING_SOUND_UNREADABLE",
        "Failed to initialize audio decoder: invalid Dolby header",
        "Another converter tries it; nothing to do. Keep the file, it is a test case.",
    ),
    Said("1093", "ENCODING_SETTINGS_REFUSED", "Audio description channels are not configured as broadcaster mix", _SETTINGS),
    Said("1401", "ENCODING_ACCESS_REFUSED", "S3 access denied: arn:aws:s3:::uploads/a/source.mp4, kms:Decrypt", _ROLE, "", True),
    Said(
        "1404",
        "ENCODING_STORAGE_FAILED",
        "HeadObject failed for s3://uploads/a/source.mp4: 404 Not Found",
        "Look for the object in the bucket of this region: its copy may not have come yet, or somebody deleted it.",
        "",
        True,
    ),
    Said("1432", "ENCODING_ACCESS_REFUSED", "The IAM role arn:aws:iam::111122223333:role/mc is not valid", _ROLE),
    Said("1433", "ENCODING_ACCESS_REFUSED", "Unable to assume role arn:aws:iam::111122223333:role/mc", _ROLE),
    Said("1434", "ENCODING_ACCESS_REFUSED", "AssumeRole failed for arn:aws:iam::111122223333:role/mc: check the trust policy", _ROLE),
    Said("1507", "ENCODING_ENGINE_FULL", "Disk full", _WAIT),
    Said("1515", "ENCODING_ACCESS_REFUSED", "The role ARN [arn:aws:iam:role] is malformed", _ROLE),
    Said(
        "1517",
        "ENCODING_SAVING_FAILED",
        "Error uploading outputs to s3://renditions/v/j/a/: internal error",
        "See whether S3 is well in the region, and that the role may write into the bucket of renditions.",
    ),
    Said("1522", "ENCODING_TOOK_TOO_LONG", "Internal service timeout", _WAIT),
    Said("1550", "ENCODING_ACCELERATION_OFF", "Acceleration fault", "Nothing to do: it runs again without."),
    Said("1601", "ENCODING_SETTINGS_REFUSED", "Nielsen watermarking: invalid source id", "We use no watermarks: look who put one into the settings."),
    Said("1602", "ENCODING_SETTINGS_REFUSED", "NexGuard watermarking: license expired", "We use no watermarks: look who put one into the settings."),
    Said("1603", "ENCODING_SETTINGS_REFUSED", "Kantar watermarking: credentials refused", "We use no watermarks: look who put one into the settings."),
    Said("1700", "ENCODING_HDR_DAMAGED", "Dolby Vision metadata is invalid on frame 48", "Another converter tries it without that data; nothing to do."),
    Said("1999", "ENCODING_SOURCE_DAMAGED", "Decoder error: corrupt video data in the input", _FILE, r"corrupt (video|audio) data"),
    Said(
        "1999",
        "ENCODING_TIMES_BROKEN",
        "Input with low framerate and audio that continues past the end of the video; did not find a valid series of timestamps",
        _FILE,
        _TIMESTAMPS,
    ),
    Said("1999", "ENCODING_ENGINE_FAILED", "Unknown error: std::bad_alloc. Could not commit single file", _WAIT),
    Said("3400", "ENCODING_SETTINGS_REFUSED", "HLS input manifest could not be read", _LINKS),
    Said("3401", "ENCODING_SETTINGS_REFUSED", "HTTP 401 Unauthorized for the input", _LINKS),
    Said("3403", "ENCODING_SETTINGS_REFUSED", "HTTP 403 Forbidden for the input", _LINKS),
    Said("3404", "ENCODING_SETTINGS_REFUSED", "HTTP 404 Not Found for the input", _LINKS),
    Said("3408", "ENCODING_STORAGE_FAILED", "Timed out while fetching the input", _WAIT),
    Said("3450", "ENCODING_STORAGE_FAILED", "Server error 503 while reading s3://uploads/a/source.mp4", "See whether S3 is well in the region.", "", True),
    Said("3451", "ENCODING_STORAGE_FAILED", "Cannot connect to the server for s3://uploads/a/source.mp4", _WAIT),
    Said("3452", "ENCODING_SETTINGS_REFUSED", "Malformed URL", _LINKS),
    Said("3453", "ENCODING_SETTINGS_REFUSED", "Invalid redirect", _LINKS),
    Said("3454", "ENCODING_STORAGE_FAILED", "DNS lookup failed, wait and retry", _WAIT),
    Said("3455", "ENCODING_PARTNER_AWAY", "TLS handshake failed: certificate has expired", "See whose certificate it is. Files in S3 should never lead here."),
    Said("3456", "ENCODING_SETTINGS_REFUSED", "Invalid host name", _LINKS),
    Said(
        "3457",
        "ENCODING_SETTINGS_REFUSED",
        "The account's input policy disallows this location",
        "Let the account's MediaConvert policy (PutPolicy) allow S3 inputs.",
    ),
    Said("3458", "ENCODING_SETTINGS_REFUSED", "The server does not support ranged GET requests", _LINKS),
    Said("3999", "ENCODING_STORAGE_FAILED", "Unexpected HTTP failure", _WAIT),
)

MEDIACONVERT = Sayings("mediaconvert", _ROWS)
