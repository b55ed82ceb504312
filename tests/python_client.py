"""What every test of PyPI's supabase needs: clients, users, the mails that were sent, codes of authenticators."""

import re
import time
import urllib.parse
import uuid

import httpx
import pyotp
import pytest
from data_api import until
from supabase import Client, ClientOptions, create_client
from supabase_auth.errors import AuthApiError

PASSWORD = "twelve patient harbour lights"
NEW_PASSWORD = "three amber winter ferries"
REDIRECT = "https://shop.example.org/welcome"


def client(front, key="anon_key", **options) -> Client:
    return create_client(front["url"], front[key], ClientOptions(auto_refresh_token=False, **options))


def admin(front):
    return client(front, "service_key", persist_session=False).auth.admin


def address(name):
    return f"{name}-{uuid.uuid4().hex[:8]}@example.com"


def new_user(front, **attributes):
    """Whose address is confirmed."""
    return admin(front).create_user({"email": address("py"), "password": PASSWORD, "email_confirm": True, **attributes}).user


def sign_in(supabase, email, password=PASSWORD):
    return supabase.auth.sign_in_with_password({"email": email, "password": password})


def signed_in(front, **options):
    """A new user and their client."""
    user, supabase = new_user(front), client(front, **options)
    sign_in(supabase, user.email)
    return supabase, user


def refused(call, status, code):
    with pytest.raises(AuthApiError) as error:
        call()
    assert (error.value.status, error.value.code) == (status, code), error.value.message
    return error.value


def mails_to(front, to):
    return [mail for mail in httpx.get(front["url"] + "/dev/mail.json").json() if to in mail["to"]]


def mail_to(front, to, subject=""):
    """The latest one whose subject has these words."""
    found = []

    def arrived():
        found[:] = [mail for mail in mails_to(front, to) if subject in mail["subject"]]
        return found

    until(arrived)
    return found[0]


def code_in(mail):
    return re.search(r"^ +(\d{6})\r?$", mail["text"], re.M)[1]


def follow(mail_or_link):
    """Opens the link as a browser would: the page it leads to, its query and its fragment."""
    link = mail_or_link if isinstance(mail_or_link, str) else mail_or_link["links"][0]
    answer = httpx.get(link)
    assert answer.status_code == 303, answer.text
    url = urllib.parse.urlsplit(answer.headers["location"])
    page = urllib.parse.urlunsplit(url._replace(query="", fragment=""))
    return page, dict(urllib.parse.parse_qsl(url.query)), dict(urllib.parse.parse_qsl(url.fragment))


def totp(secret, steps=0):
    """The code of an authenticator, so many steps of 30 seconds from now."""
    return pyotp.TOTP(secret).at(time.time() + 30 * steps)
