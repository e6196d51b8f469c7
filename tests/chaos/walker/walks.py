"""What a person and the workers do in a round. Every walk can be begun again at any moment, as it asks what was done before it does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from django.conf import settings

from support.models import Ticket, TicketAttachment
from support.services.attachments import remove_attachment
from support.services.tickets import open_ticket
from tests.uploads.client import OFFSET_TYPE
from uploads.models import OPEN_SESSION_STATES, Video, VideoState
from uploads.services.abort import abort_upload
from uploads.services.delete import delete_video

from .client import Sending, metadata, request, upload
from .direct import direct
from .elsewhere import elsewhere
from .failing import failing
from .files import clip, data, size
from .letters import letter
from .news import news
from .trial import trial
from .world import World


def video(world: World) -> None:
    """Upload with its first bytes and two more requests → inspect → submit → transcode two rungs → publish → tell."""
    upload(world, Sending("film", clip(world), chunk=size() // 2, first=size() // 4, key="film-1"))
    world.work()
    assert Video.objects.get(owner=world.person).state == VideoState.READY


def plain(world: World) -> None:
    """Uploads begun the quick way, whose creation cannot be asked for twice: one nobody heard of may stay until it expires."""
    settings.UPLOAD_ACCEPT = "*"
    for name in ("one", "two"):
        upload(world, Sending(name, data(world, name, 3000), chunk=1600))
    world.work()


def parts(world: World) -> None:
    """Two parts, sent one after the other, become one file; one more part is never used."""
    settings.UPLOAD_ACCEPT = "*"
    whole, half = data(world, "whole"), size() // 2
    addresses = []
    for number, name in enumerate(("first", "second", "unused")):
        piece = world.folder / f"{name}.part"
        piece.write_bytes(whole.read_bytes()[number * half : (number + 1) * half] or b"nothing of it")
        addresses.append(upload(world, Sending(name, piece, fate="part", headers={"Upload-Concat": "partial"})))
    joining = {"Upload-Concat": "final;" + " ".join(addresses[:2])}
    upload(world, Sending("joined", whole, key="joined-1", headers=joining))
    world.work()


def attachment(world: World) -> None:
    """A ticket with two files, one of which is taken off it again."""
    ticket = Ticket.objects.filter(owner=world.person).first() or open_ticket(owner=world.person, subject="It stopped", body="What is this?")
    about = {"purpose": "attachment", "ticket": ticket.public_id}
    picture = world.folder / "screen.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    upload(world, Sending("kept", picture, key="kept-1", about=about))
    if not world.ledger.last("removed"):
        removed = world.session("removed")
        if removed is None or removed.state in OPEN_SESSION_STATES:
            upload(world, Sending("removed", picture, key="removed-1", about=about, fate="canceled"))
        world.work()
        for tie in TicketAttachment.objects.filter(upload=world.session("removed")):
            remove_attachment(tie)
        world.ledger.note("removed")
    world.work()
    assert TicketAttachment.objects.get(ticket=ticket).upload == world.session("kept")


def endings(world: World) -> None:
    """Uploads that come to nothing: refused by what they hold, canceled, deleted, contradicting themselves, never finished."""
    world.ledger.once("slow")
    half, torn = size() // 2, world.folder / "torn.mp4"
    torn.write_bytes(clip(world).read_bytes()[: size() * 3 // 4])
    for fate, path, most in (("refused", torn, 2 * half), ("canceled", clip(world), half), ("deleted", clip(world), half), ("expired", clip(world), half)):
        session = world.session(fate)
        gone = session is None and world.ledger.last("address", name=fate)
        if not world.ledger.last("over", name=fate) and not gone and (session is None or session.state in OPEN_SESSION_STATES):
            upload(world, Sending(fate, path, key=f"{fate}-1", fate="canceled" if fate == "deleted" else fate, most=most))
    _undo(world)
    canceled, deleted = world.session("canceled"), world.session("deleted")
    if canceled is not None:
        abort_upload(canceled)
    if deleted is not None:
        delete_video(deleted.its_video)
    for name in ("canceled", "deleted"):
        world.ledger.once("over", name=name)
    world.ledger.once("deleted", name="deleted")
    world.work()
    for name in ("refused", "expired"):  # nobody goes on with it
        world.ledger.once("over", name=name)
    world.time_passes(days=8)
    world.keep_house_often()


def _undo(world: World) -> None:
    """A creation whose first bytes are not what it says they are leaves nothing."""
    wrong = {"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Idempotency-Key": "undone-1", "Content-Type": OFFSET_TYPE}
    body = clip(world).read_bytes()
    own = {"Upload-Length": str(len(body)), "Upload-Metadata": metadata(filename="undone.mp4"), "Authorization": f"Token {world.token}"}
    answer = asyncio.run(request("POST", "/files/", body=body, **own | wrong))
    assert answer.status == 460, answer


def canceled_in_parts(world: World) -> None:
    """An unfinished upload with parts in S3 is canceled."""
    settings.UPLOAD_ACCEPT = "*"
    session = world.session("canceled")
    if session is None or session.state in OPEN_SESSION_STATES:
        upload(world, Sending("canceled", data(world, "canceled"), key="canceled-1", fate="canceled", most=size() // 2))
        session = world.session("canceled")
        assert session is not None
        abort_upload(session)


ON_DISK: dict[str, Callable[[World], None]] = {
    "video": video,
    "plain": plain,
    "parts": parts,
    "attachment": attachment,
    "endings": endings,
    "failing": failing,
    "trial": trial,
    "letter": letter,
}
IN_S3: dict[str, Callable[[World], None]] = {"video": video, "parts": parts, "canceled": canceled_in_parts, "direct": direct}
ELSEWHERE: dict[str, Callable[[World], None]] = {"elsewhere": elsewhere, "news": news}  # over S3, with MediaConvert as the only engine
