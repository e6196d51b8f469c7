from __future__ import annotations

import re

from django.test import Client
from knox.models import AuthToken

from dashboard.services.api_tokens import MOST


def test_a_token_is_shown_once_and_signs_a_program_in(client: Client, anna) -> None:
    answer = client.post("/account/tokens/")
    found = re.search(r"data-copy-source>([^<]+)<", answer.content.decode())
    assert found is not None
    assert "no-store" in answer.headers["Cache-Control"]
    assert found[1] not in client.get("/account/").content.decode()
    program = Client()
    assert program.get("/api/v1/videos", headers={"Authorization": f"Token {found[1]}"}).status_code == 200
    client.post(f"/account/tokens/{AuthToken.objects.get().token_key}/revoke/")
    assert program.get("/api/v1/videos", headers={"Authorization": f"Token {found[1]}"}).status_code == 401


def test_nobody_revokes_another_persons_token(stranger: Client, anna) -> None:
    token, _ = AuthToken.objects.create(user=anna)
    stranger.post(f"/account/tokens/{token.token_key}/revoke/")
    assert AuthToken.objects.count() == 1


def test_there_is_an_end_to_tokens(client: Client, anna) -> None:
    for _ in range(MOST):
        AuthToken.objects.create(user=anna)
    assert b"as many as one account can have" in client.post("/account/tokens/", follow=True).content
    assert AuthToken.objects.count() == MOST
