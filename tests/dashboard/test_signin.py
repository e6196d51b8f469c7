from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from tests.factories import make_user

PASSWORD = "correct horse battery"


@pytest.mark.django_db
def test_signing_up_leads_home(anonymous: Client) -> None:
    answer = anonymous.post("/accounts/signup/", {"email": "new@example.org", "password1": "a long enough phrase"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert User.objects.get().email == "new@example.org"
    assert b"Drop video or sound" in anonymous.get("/").content


def test_signing_in_and_out(anonymous: Client, anna) -> None:
    assert anonymous.post("/accounts/login/?next=/inbox/", {"login": "Anna@example.org", "password": PASSWORD}).headers["Location"] == "/inbox/"
    assert anonymous.post("/accounts/logout/").headers["Location"] == "/"
    assert anonymous.get("/inbox/").status_code == 302


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(anonymous: Client, anna, target: str) -> None:
    answer = anonymous.post("/accounts/login/", {"login": anna.email, "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_is_told_on_the_form(anonymous: Client, anna) -> None:
    html = anonymous.post("/accounts/login/", {"login": anna.email, "password": "wrong"}).content.decode()
    assert 'role="alert"' in html
    assert 'autocomplete="current-password"' in html
    assert 'autocomplete="email"' in html or 'autocomplete="username"' in html
    assert "wrong" not in re.sub(r"[^<]*</title>", "", html).split('role="alert"')[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("email", "password"), [("not an address", "a long enough phrase"), ("new@example.org", "123"), ("", "")])
def test_mistakes_in_a_sign_up_are_told_beside_the_field_and_do_not_count(anonymous: Client, email: str, password: str) -> None:
    for _ in range(5):
        answer = anonymous.post("/accounts/signup/", {"email": email, "password1": password})
        assert answer.status_code == 200
        assert b'aria-invalid="true"' in answer.content
    assert not User.objects.exists()


def test_the_sixth_try_to_sign_in_waits_even_with_the_right_password(anonymous: Client, anna) -> None:
    for _ in range(5):
        assert anonymous.post("/accounts/login/", {"login": anna.email, "password": "wrong"}).status_code == 200
    answer = anonymous.post("/accounts/login/", {"login": anna.email, "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 900
    assert b"That was a little too fast" in answer.content
    assert anonymous.get("/inbox/").status_code == 302


def test_one_account_is_not_tried_from_many_addresses(anna) -> None:
    statuses = []
    for number in range(6):
        browser = Client(headers={"accept": "text/html"}, REMOTE_ADDR=f"10.0.0.{number}")
        statuses.append(browser.post("/accounts/login/", {"login": anna.email.upper(), "password": "wrong"}).status_code)
    assert statuses == [200] * 5 + [429]


@pytest.mark.django_db
def test_one_address_does_not_try_many_accounts(anonymous: Client) -> None:
    people = [make_user(email=f"p{number}@example.org") for number in range(6)]
    assert [anonymous.post("/accounts/login/", {"login": one.email, "password": "wrong"}).status_code for one in people] == [200] * 5 + [429]


@pytest.mark.django_db
def test_the_fourth_account_within_an_hour_waits() -> None:
    statuses = []
    for number in range(4):
        browser = Client(headers={"accept": "text/html"})
        statuses.append(browser.post("/accounts/signup/", {"email": f"n{number}@example.org", "password1": "a long enough phrase"}).status_code)
    assert statuses == [302, 302, 302, 429]
    assert User.objects.count() == 3


def test_limits_can_be_switched_off(anonymous: Client, anna, settings) -> None:
    settings.RATE_LIMITS = False
    for _ in range(12):
        assert anonymous.post("/accounts/login/", {"login": anna.email, "password": "wrong"}).status_code == 200


def test_a_forgotten_password_is_set_anew(anonymous: Client, anna) -> None:
    anonymous.post("/accounts/password/reset/", {"email": anna.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)
    assert link is not None
    form = anonymous.get(link[0], follow=True)
    address = form.redirect_chain[-1][0]
    assert b"Set a new password" in form.content
    answer = anonymous.post(address, {"password1": "quite another phrase", "password2": "quite another phrase"}, follow=True)
    assert b"Your password is changed" in answer.content
    assert b"used or is too old" in anonymous.get(link[0], follow=True).content
    assert anonymous.post("/accounts/login/", {"login": anna.email, "password": "quite another phrase"}).status_code == 302


@pytest.mark.django_db
def test_nobody_learns_who_has_an_account(anonymous: Client) -> None:
    make_user(email="here@example.org")
    pages = [anonymous.post("/accounts/password/reset/", {"email": f"{name}@example.org"}, follow=True).content for name in ("here", "not-here")]
    assert pages[0] == pages[1]


def test_too_many_reset_mails_read_the_same_page(anonymous: Client, anna) -> None:
    answers = [anonymous.post("/accounts/password/reset/", {"email": anna.email}) for _ in range(8)]
    assert answers[-1].status_code == 429
    assert b"That was a little too fast" in answers[-1].content


def test_the_password_is_changed(client: Client, anna) -> None:
    form = {"oldpassword": PASSWORD, "password1": "quite another phrase", "password2": "quite another phrase"}
    assert client.post("/accounts/password/change/", form).status_code == 302
    anna.refresh_from_db()
    assert anna.check_password("quite another phrase")
