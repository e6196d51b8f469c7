from __future__ import annotations

import json

import pytest

from support.redaction import redact, redact_all

TOKEN = "upt_" + "Ab3-_" * 8 + "xyz"
HEX = "8f3a" * 16

PAYLOADS = [
    (f"PATCH /files/{TOKEN} answered 204", [TOKEN[4:]], ["204"]),
    (f"Authorization: Token {HEX}", [HEX], []),
    (f"sent with Bearer {TOKEN}", [TOKEN[4:]], ["sent with"]),
    ("Basic dXNlcjpwYXNzd29yZA== was refused", ["dXNlcjpwYXNzd29yZA"], ["was refused"]),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired", ["eyJhbGci", "c2lnbmF0"], ["expired"]),
    ("/srv/holdfast/var/uploads/ab/cd/source.mp4: Invalid data found", ["/srv", "holdfast", "uploads/ab"], ["source.mp4", "Invalid data found"]),
    ("could not open '/home/anna karenina/My Films/x.mov'", ["anna", "My Films"], ["x.mov", "could not open"]),
    ('could not open "C:\\Users\\Anna\\Desktop\\x.mov"', ["Users", "Anna", "Desktop"], ["x.mov"]),
    ("C:\\Windows\\Temp\\y.mp4 is busy", ["Windows", "Temp"], ["y.mp4", "is busy"]),
    ("file:///var/lib/holdfast/x.ts", ["/var/lib"], ["x.ts"]),
    ("~/holdfast/var/secret_key", ["holdfast", "var"], []),
    ("[in#0 @ 0x55d] Error opening /tmp/work.x1/att_1/360p/segment_1.ts", ["/tmp", "work.x1"], ["segment_1.ts"]),
    ("mail to bob@example.com bounced", ["bob@", "example.com"], ["bounced"]),
    ("arn:aws:iam::123456789012:role/HoldfastConvert may not", ["123456789012", "HoldfastConvert"], ["may not"]),
    ("arn:aws-us-gov:s3:::private-sources/key", ["private-sources"], []),
    ("s3://holdfast-sources-eu/vid/source.mp4 is gone", ["holdfast-sources-eu", "source.mp4"], ["is gone"]),
    ("https://holdfast-out.s3.eu-central-1.amazonaws.com/vid/main.m3u8?X-Amz-Signature=abc123", ["holdfast-out", "abc123"], []),
    ("https://s3.amazonaws.com/holdfast-out/x", ["holdfast-out"], []),
    ("https://abcd1234.mediaconvert.eu-central-1.amazonaws.com/2017-08-29/jobs", ["abcd1234"], []),
    ("The specified bucket does not exist: BucketName=holdfast-src", ["holdfast-src"], ["does not exist"]),
    ("cannot read bucket holdfast-src now", ["holdfast-src"], ["cannot read bucket", "now"]),
    ("cannot read bucket 'sources' now", ["sources"], ["now"]),
    ('{"Bucket": "holdfast-src", "Key": "a"}', ["holdfast-src"], ["Key"]),
    ("GET https://cdn.example.org/a/main.m3u8?Expires=1&Signature=s3cr3t&Key-Pair-Id=K1", ["s3cr3t", "Key-Pair-Id"], ["https://cdn.example.org/a/main.m3u8"]),
    ("https://user:hunter2@example.org/x", ["hunter2", "user:"], ["example.org/x"]),
    ("postgresql://holdfast:hunter2@db.internal:5432/holdfast refused", ["hunter2", "db.internal"], ["refused"]),
    ("redis://:hunter2@cache.internal/0", ["hunter2", "cache.internal"], []),
    ("AKIAIOSFODNN7EXAMPLE is not authorized", ["AKIAIOSFODNN7EXAMPLE"], ["not authorized"]),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", ["wJalrXUtnFEMI", "bPxRfiCY"], []),
    ('password: "open sesame"', ["open sesame"], []),
    ("Cookie: sessionid=0a1b2c3d4e", ["0a1b2c3d4e"], []),
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ["MfKQ9r8G"], []),
]


@pytest.mark.parametrize(("text", "gone", "kept"), PAYLOADS, ids=[text[:40] for text, _, _ in PAYLOADS])
def test_what_support_must_not_see_is_cut_out_and_the_rest_stays(text: str, gone: list[str], kept: list[str]) -> None:
    cut = redact(text)
    assert [part for part in gone if part in cut] == [], cut
    assert [part for part in kept if part not in cut] == [], cut


@pytest.mark.parametrize(
    "text",
    [
        "[libx264 @ 0x55d] frame I:2 Avg QP:20.00 size: 4310",
        "Invalid NAL unit size (1953 > 1024).",
        "moov atom not found",
        "vid_0123456789abcdefghjk",
        "30000/1001 fps, 16/9, 23.98 tbr",
        "2026-03-01T09:14:00+00:00",
        "UPLOAD_TRUNCATED",
        "Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 320x180",
    ],
)
def test_what_helps_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_owners_own_address_stays() -> None:
    assert redact("Anna@Example.org wrote to bob@example.org", own_email="anna@example.org") == "Anna@Example.org wrote to <e-mail>"


def test_every_text_of_a_structure_is_cut_keys_included() -> None:
    data = {"a": ["s3://bucket/x", {"bob@example.org": f"Token {HEX}"}], "n": 3, "none": None, "yes": True}
    cut = redact_all(data)
    assert json.dumps(cut).count("bob") == 0
    assert HEX not in json.dumps(cut)
    assert (cut["n"], cut["none"], cut["yes"]) == (3, None, True)


def test_redacting_twice_changes_nothing_more() -> None:
    for text, _, _ in PAYLOADS:
        assert redact(redact(text)) == redact(text)
