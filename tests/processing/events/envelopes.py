"""Events as EventBridge sends them, in the shapes of AWS's documentation."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

REGION = "eu-west-1"
ENGINE = f"mediaconvert:{REGION}"
ACCOUNT = "111122223333"
ENV = "embedded"

OF_STATUS: dict[str, dict[str, Any]] = {
    "INPUT_INFORMATION": {
        "inputDetails": [
            {
                "id": 1,
                "uri": "s3://holdfast-uploads/uploads/upl_1/source",
                "audio": [{"channels": 2, "codec": "AAC", "language": "UND", "sampleRate": 48000, "streamId": 2}],
                "video": [{"bitDepth": 8, "codec": "AVC", "colorFormat": "YUV_420", "width": 1280, "height": 720, "frameRate": 30.0, "streamId": 1}],
            }
        ]
    },
    "PROGRESSING": {},
    "STATUS_UPDATE": {
        "framesDecoded": 353,
        "jobProgress": {
            "phaseProgress": {
                "PROBING": {"status": "COMPLETE", "percentComplete": 100},
                "TRANSCODING": {"status": "PROGRESSING", "percentComplete": 50},
                "UPLOADING": {"status": "PENDING", "percentComplete": 0},
            },
            "jobPercentComplete": 42,
            "currentPhase": "TRANSCODING",
            "retryCount": 0,
        },
    },
    "COMPLETE": {
        "warnings": [{"code": 230001, "count": 1}],
        "outputGroupDetails": [
            {
                "type": "HLS_GROUP",
                "outputDetails": [
                    {
                        "outputFilePaths": ["s3://holdfast-renditions/renditions/a/360p.m3u8"],
                        "durationInMs": 10010,
                        "videoDetails": {"widthInPx": 640, "heightInPx": 360, "qvbrAvgQuality": 7.07},
                    }
                ],
                "playlistFilePaths": ["s3://holdfast-renditions/renditions/a/main.m3u8"],
            }
        ],
        "paddingInserted": 0,
        "blackVideoDetected": 0,
    },
    "ERROR": {"errorCode": 1040, "errorMessage": "Example error message", "warnings": []},
    "CANCELED": {},
    "NEW_WARNING": {"warningCode": "270000", "warningMessage": "S3 answers slowly; the job might stall"},
    "QUEUE_HOP": {"previousQueue": f"arn:aws:mediaconvert:{REGION}:{ACCOUNT}:queues/Fast", "priority": 0, "previousPriority": 5},
}


def envelope(status: str, *, job_id: str = "1700000000000-abc123", attempt_id: str = "", env: str = ENV, region: str = REGION, **detail: Any) -> dict[str, Any]:
    """Return a whole event. `detail` replaces or adds members of its detail."""
    metadata = {"env": env, "attempt_id": attempt_id, "job_id": "job_x", "schema": "1"} if attempt_id else {}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "MediaConvert Job State Change",
        "source": "aws.mediaconvert",
        "account": ACCOUNT,
        "time": "2026-11-22T05:00:00Z",
        "region": region,
        "resources": [f"arn:aws:mediaconvert:{region}::jobs/{job_id}"],  # AWS's own sample has no account either
        "detail": {
            "timestamp": 1795323600123,
            "accountId": ACCOUNT,
            "queue": f"arn:aws:mediaconvert:{region}:{ACCOUNT}:queues/Default",
            "jobId": job_id,
            "status": status,
            "userMetadata": metadata,
            **copy.deepcopy(OF_STATUS.get(status, {})),
            **detail,
        },
    }


def message(status: str, **given: Any) -> str:
    return json.dumps(envelope(status, **given))
