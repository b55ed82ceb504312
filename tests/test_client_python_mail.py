"""PyPI's supabase, unmodified: what needs a mail. Codes, links, recovery; and links by the operator."""

import pytest
from data_api import until
from python_client import (
    NEW_PASSWORD, PASSWORD, REDIRECT, address, admin, client, code_in, follow, mail_to, mails_to, new_user, refused, sign_in,
)


@pytest.fixture
def front(client_fronts):
    return client_fronts["confirming"]


def test_a_forgotten_password_by_the_code(front):
    user, supabase, events = new_user(front), client(front), []
    supabase.auth.on_auth_state_change(lambda event, session: events.append(event))
    supabase.auth.reset_password_for_email(user.email)
    code = code_in(mail_to(front, user.email))
    assert supabase.auth.verify_otp({"email": user.email, "token": code, "type": "recovery"}).user.id == user.id
    supabase.auth.update_user({"password": NEW_PASSWORD})
    assert sign_in(client(front), user.email, NEW_PASSWORD).user.id == user.id
    refused(lambda: sign_in(client(front), user.email), 400, "invalid_credentials")
    assert events == ["PASSWORD_RECOVERY", "USER_UPDATED"]


def test_a_forgotten_password_by_the_link(front):
    user, supabase, events = new_user(front), client(front), []
    supabase.auth.on_auth_state_change(lambda event, session: events.append(event))
    supabase.auth.reset_password_for_email(user.email, {"redirect_to": REDIRECT})
    page, query, _ = follow(mail_to(front, user.email))
    assert page == REDIRECT
    supabase.auth.exchange_code_for_session({"auth_code": query["code"]})
    assert events == ["PASSWORD_RECOVERY"]
    supabase.auth.update_user({"password": NEW_PASSWORD})
    assert sign_in(client(front), user.email, NEW_PASSWORD).user.id == user.id


def test_an_unknown_address_gets_no_mail_and_no_other_answer(front):
    known, unknown = new_user(front).email, address("unknown")
    for email in (unknown, known):
        assert client(front).auth.reset_password_for_email(email) is None
    mail_to(front, known)
    assert mails_to(front, unknown) == []


def test_signing_in_by_a_mailed_code_and_link(front):
    supabase, email = client(front), address("otp")
    supabase.auth.sign_in_with_otp({"email": email, "options": {"data": {"name": "O"}}})
    code = code_in(mail_to(front, email))
    refused(lambda: supabase.auth.verify_otp({"email": email, "token": "000000" if code != "000000" else "111111", "type": "email"}),
            403, "otp_expired")
    user = supabase.auth.verify_otp({"email": email, "token": code, "type": "email"}).user
    assert user.email == email and user.user_metadata["name"] == "O"

    other = client(front)
    other.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})
    until(lambda: len(mails_to(front, email)) == 2)
    _, query, _ = follow(mail_to(front, email))
    assert other.auth.exchange_code_for_session({"auth_code": query["code"]}).user.id == user.id


def test_a_confirmation_is_mailed_again(front):
    supabase, email = client(front), address("again")
    supabase.auth.sign_up({"email": email, "password": PASSWORD})
    first = mail_to(front, email)
    supabase.auth.resend({"type": "signup", "email": email})
    until(lambda: len(mails_to(front, email)) == 2)
    _, _, fragment = follow(first)
    assert fragment["error_code"] == "otp_expired"


def test_links_by_the_operator(front):
    email = address("signup")
    made = admin(front).generate_link({"type": "signup", "email": email, "password": PASSWORD, "options": {"redirect_to": REDIRECT}})
    page, _, fragment = follow(made.properties.action_link)
    assert page == REDIRECT and client(front).auth.get_user(fragment["access_token"]).user.id == made.user.id
    for kind in ("magiclink", "recovery"):
        made = admin(front).generate_link({"type": kind, "email": email})
        verified = client(front).auth.verify_otp({"token_hash": made.properties.hashed_token, "type": kind})
        assert verified.user.email == email
    refused(lambda: admin(front).generate_link({"type": "invite", "email": email}), 422, "email_exists")


def test_somebody_is_invited(front):
    email = address("invited")
    user = admin(front).invite_user_by_email(email, {"data": {"team": "red"}}).user
    _, _, fragment = follow(mail_to(front, email, "invited"))
    supabase = client(front)
    assert supabase.auth.set_session(fragment["access_token"], fragment["refresh_token"]).user.id == user.id
    supabase.auth.update_user({"password": PASSWORD})
    assert sign_in(client(front), email).user.user_metadata["team"] == "red"
