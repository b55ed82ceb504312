"""PyPI's supabase, unmodified: signing up, in and out, refreshing, claims, the user's own account."""

import pytest
from python_client import (
    NEW_PASSWORD, PASSWORD, address, admin, client, code_in, follow, mail_to, new_user, refused, sign_in, signed_in, totp,
)
from supabase_auth import SyncMemoryStorage
from supabase_auth.errors import AuthInvalidJwtError, AuthWeakPasswordError


@pytest.fixture
def trusting(client_fronts):
    return client_fronts["trusting"]


@pytest.fixture
def confirming(client_fronts):
    return client_fronts["confirming"]


def sign_up(supabase, email, **options):
    return supabase.auth.sign_up({"email": email, "password": PASSWORD, "options": options})


def test_where_addresses_are_trusted_signing_up_signs_in(trusting):
    supabase, email = client(trusting), address("new")
    answer = sign_up(supabase, email, data={"name": "New"})
    assert answer.user.email == email and answer.user.user_metadata == {"name": "New"}
    assert answer.session.token_type == "bearer" and answer.session.expires_in > 0
    assert supabase.auth.get_user().user.id == answer.user.id
    refused(lambda: sign_up(client(trusting), email), 422, "user_already_exists")


def test_a_weak_password_is_refused_with_its_reasons(trusting):
    with pytest.raises(AuthWeakPasswordError) as error:
        client(trusting).auth.sign_up({"email": address("weak"), "password": "abc"})
    assert "length" in error.value.reasons


def test_a_sign_up_is_confirmed_by_the_code(confirming):
    supabase, email = client(confirming), address("code")
    answer = sign_up(supabase, email)
    assert answer.session is None and answer.user.email == email
    refused(lambda: sign_in(supabase, email), 400, "email_not_confirmed")
    code = code_in(mail_to(confirming, email))
    assert supabase.auth.verify_otp({"email": email, "token": code, "type": "signup"}).session
    assert supabase.auth.get_user().user.email_confirmed_at


def test_a_sign_up_is_confirmed_by_the_link_with_pkce(confirming):
    supabase, email = client(confirming), address("pkce")  # this client's default
    sign_up(supabase, email, email_redirect_to="https://app.example.com/in")
    page, query, fragment = follow(mail_to(confirming, email))
    assert page == "https://app.example.com/in" and fragment == {}
    assert supabase.auth.exchange_code_for_session({"auth_code": query["code"]}).user.email == email
    again = {"auth_code": query["code"], "code_verifier": "x" * 43}
    refused(lambda: supabase.auth.exchange_code_for_session(again), 404, "flow_state_not_found")


def test_a_sign_up_is_confirmed_by_the_link_without_pkce(confirming):
    supabase, email = client(confirming, flow_type="implicit"), address("implicit")
    sign_up(supabase, email)
    _, query, fragment = follow(mail_to(confirming, email))
    assert query == {} and fragment["type"] == "signup"
    assert supabase.auth.set_session(fragment["access_token"], fragment["refresh_token"]).user.email == email


def test_a_wrong_password_and_an_unknown_address_are_the_same_error(trusting):
    known = new_user(trusting).email
    errors = [refused(lambda: sign_in(client(trusting), email, "wrong"), 400, "invalid_credentials")
              for email in (known, address("unknown"))]
    assert errors[0].to_dict() == errors[1].to_dict()


def test_a_session_lives_through_refreshing_and_ends_with_signing_out(trusting):
    storage = SyncMemoryStorage()
    supabase, user = signed_in(trusting, storage=storage)
    events = []
    supabase.auth.on_auth_state_change(lambda event, session: events.append(event))
    before = supabase.auth.get_session()
    after = supabase.auth.refresh_session().session
    assert after.access_token != before.access_token and after.refresh_token != before.refresh_token
    assert client(trusting, storage=storage).auth.get_session().access_token == after.access_token
    supabase.auth.update_user({"data": {"name": "P"}})
    supabase.auth.sign_out()
    assert supabase.auth.get_session() is None
    assert events == ["TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT"]
    refused(lambda: client(trusting).auth.get_user(after.access_token), 403, "session_not_found")


@pytest.mark.parametrize("scope,ends", [("local", (True, False)), ("others", (False, True)), ("global", (True, True))])
def test_each_scope_ends_what_it_names(trusting, scope, ends):
    here, user = signed_in(trusting)
    there = sign_in(client(trusting), user.email).session
    tokens = (here.auth.get_session().access_token, there.access_token)
    here.auth.sign_out({"scope": scope})
    for token, ended in zip(tokens, ends):
        if ended:
            refused(lambda: client(trusting).auth.get_user(token), 403, "session_not_found")
        else:
            assert client(trusting).auth.get_user(token).user.id == user.id


def test_claims_are_verified_with_the_published_keys(trusting):
    supabase, user = signed_in(trusting)
    found = supabase.auth.get_claims()
    assert found["headers"]["alg"] == "ES256" and found["claims"]["sub"] == user.id
    token = supabase.auth.get_session().access_token
    with pytest.raises(AuthInvalidJwtError):
        supabase.auth.get_claims(token[:-6] + "AAAAAA")


def test_a_client_whose_session_was_ended_signs_in_anew(trusting):
    """This client shows its user's token on public routes too."""
    supabase, user = signed_in(trusting)
    admin(trusting).sign_out(supabase.auth.get_session().access_token)
    refused(supabase.auth.get_user, 403, "session_not_found")
    supabase.auth.reset_password_for_email(user.email)
    assert sign_in(supabase, user.email).user.id == user.id


def test_a_user_changes_their_account(confirming):
    supabase, user = signed_in(confirming)
    assert supabase.auth.update_user({"data": {"a": 1}}).user.user_metadata["a"] == 1
    refused(lambda: supabase.auth.update_user({"password": PASSWORD}), 422, "same_password")
    supabase.auth.reauthenticate()
    nonce = code_in(mail_to(confirming, user.email))
    supabase.auth.update_user({"password": NEW_PASSWORD, "nonce": nonce})
    assert sign_in(client(confirming), user.email, NEW_PASSWORD).user.id == user.id


def test_a_change_of_address_takes_the_codes_of_both(confirming):
    supabase, user = signed_in(confirming)
    moved = address("moved")
    assert supabase.auth.update_user({"email": moved}).user.new_email == moved
    codes = {user.email: code_in(mail_to(confirming, user.email, "change of your")), moved: code_in(mail_to(confirming, moved))}
    first, second = (
        supabase.auth.verify_otp({"email": email, "token": code, "type": "email_change"}) for email, code in codes.items())
    assert first.session is None and second.session.user.email == moved


def test_a_second_factor_makes_the_session_aal2(trusting):
    supabase, user = signed_in(trusting)
    mfa = supabase.auth.mfa
    factor = mfa.enroll({"factor_type": "totp", "friendly_name": "phone", "issuer": "Acme"})
    assert factor.totp.qr_code.startswith("data:image/svg+xml;utf-8,<svg ")
    challenge = mfa.challenge({"factor_id": factor.id})
    refused(lambda: mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": totp(factor.totp.secret, 1000)}),
            422, "mfa_verification_failed")
    mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": totp(factor.totp.secret, -1)})
    level = mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    assert [one.id for one in mfa.list_factors().totp] == [factor.id]

    again = client(trusting)
    sign_in(again, user.email)
    level = again.auth.mfa.get_authenticator_assurance_level()
    assert (level.current_level, level.next_level) == ("aal1", "aal2")
    refused(lambda: again.auth.mfa.unenroll({"factor_id": factor.id}), 422, "insufficient_aal")
    again.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": totp(factor.totp.secret)})
    assert again.auth.mfa.unenroll({"factor_id": factor.id}).id == factor.id


def test_an_anonymous_user_becomes_somebody(trusting, client_fronts):
    supabase = client(trusting)
    anonymous = supabase.auth.sign_in_anonymously({"options": {"data": {"cart": 3}}}).user
    assert anonymous.is_anonymous
    email = address("became")
    changed = supabase.auth.update_user({"email": email, "password": PASSWORD}).user
    assert changed.id == anonymous.id and not changed.is_anonymous
    assert sign_in(client(trusting), email).user.id == anonymous.id
    refused(lambda: client(client_fronts["plain"]).auth.sign_in_anonymously(), 422, "anonymous_provider_disabled")
