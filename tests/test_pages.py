"""The pages, without a browser: what they say, what they refuse, and that they need no JavaScript."""

import base64
import html
import html.parser
import json
import re
import time
import uuid

import auth_front
import pyotp
import pytest
from auth_front import PASSWORD, SITE, mails
from visitor import Visitor, forms, heading, link_of, problems, seen

OTHER_PASSWORD = "eleven sleepy garden snails"
POLICY = ("default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
          "frame-ancestors 'none'; base-uri 'none'")
PUBLIC_PAGES = [
    "/auth/sign-in", "/auth/sign-up", "/auth/sign-out", "/auth/forgot-password", "/auth/mail-code", "/auth/check-mail",
    "/auth/confirm", "/auth/accept-invitation", "/auth/continue",
]
MEMBERS_PAGES = ["/auth/account", "/auth/sessions", "/auth/choose-tenant", "/auth/new-password", "/auth/authenticator"]
POSTS = [
    "/auth/sign-in", "/auth/sign-up", "/auth/sign-out", "/auth/forgot-password", "/auth/mail-code", "/auth/check-mail",
    "/auth/check-mail/again", "/auth/confirm", "/auth/new-password", "/auth/second-factor", "/auth/authenticator",
    "/auth/authenticator/verify", "/auth/authenticator/remove", "/auth/recovery-codes", "/auth/accept-invitation",
    "/auth/choose-tenant", "/auth/sessions/end", "/auth/sessions/end-others", "/auth/account/name",
    "/auth/account/email", "/auth/account/password",
]


@pytest.fixture(scope="module")
def front(owner):
    """Addresses are confirmed by mail here."""
    port = auth_front.data_api.free_port()
    with auth_front.database_settings(owner, autoconfirm="off"):
        with auth_front.serve(
            SERVER_PORT=port, GATEHOUSE_PAGES="on", GATEHOUSE_COOKIE_SESSIONS="on", GATEHOUSE_SITE_URL="",
            GATEHOUSE_EXTERNAL_URL=f"http://127.0.0.1:{port}", GATEHOUSE_REDIRECT_URLS=f"{SITE}/**",
            GATEHOUSE_BRAND_NAME="Acme & Sons", GATEHOUSE_BRAND_COLOR="#0a7d55", GATEHOUSE_RATE_LIMIT_AUTH="off",
        ) as client:
            yield client


@pytest.fixture
def visitor(front):
    return Visitor(front.base_url)


@pytest.fixture
def email():
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture
def member(owner, front, email):
    """A confirmed user, signed in by the page."""
    return signed_in(owner, front, email)


@pytest.fixture(scope="module")
def resident(owner, front):
    """As member, for tests that leave it as it is."""
    return signed_in(owner, front, f"{uuid.uuid4().hex}@example.com")


def signed_in(owner, front, email, password=PASSWORD, name=None):
    make_user(owner, email, password, name)
    visitor = Visitor(front.base_url)
    page = visitor.sign_in(email, password)
    assert heading(page) == "Account"
    return visitor


def make_user(owner, email, password=PASSWORD, name=None):
    metadata = json.dumps({} if name is None else {"name": name})
    owner.execute("set pg_gatehouse.autoconfirm = on")
    status = owner.execute("select status from auth.sign_up(%s, %s, %s)", [email, password, metadata]).fetchone()[0]
    owner.execute("reset pg_gatehouse.autoconfirm")
    assert status == "ok"


def make_tenant(owner, email, role="member", name=None):
    """Of a name of its own, with the user as a member; gives its id and slug."""
    slug = f"t{uuid.uuid4().hex[:12]}"
    tenant = owner.execute("select auth.create_tenant(%s, %s)", [slug, name or slug.upper()]).fetchone()[0]
    owner.execute("select auth.grant_role(id, %s, %s) from auth.\"user\" where email = %s", [role, tenant, email])
    return tenant, slug


def mail(owner, email, kind):
    """The newest mail of the kind to the address."""
    return next(mail for mail in reversed(mails(owner, email)) if mail[0] == kind)


def visit_link(visitor, mailed):
    """Opens the mail's link and presses the button of the page that it leads to."""
    page = visitor.open(link_of(mailed))
    return visitor.submit(page, "/auth/confirm")


def tenant_of(visitor):
    return visitor.send("GET", "/auth/v1/tenants").json()


class TestEveryPage:
    @pytest.mark.parametrize("path", PUBLIC_PAGES)
    def test_runs_nothing_and_is_kept_and_framed_by_nobody(self, visitor, path):
        check_page(visitor.send("GET", path))

    @pytest.mark.parametrize("path", MEMBERS_PAGES)
    def test_of_members_too(self, resident, path):
        check_page(resident.send("GET", path))

    @pytest.mark.parametrize("path", MEMBERS_PAGES)
    def test_for_members_asks_others_to_sign_in_and_leads_back(self, owner, visitor, email, path):
        make_user(owner, email)
        page = visitor.open(path)
        assert heading(page) == "Sign in"
        answer = visitor.post("/auth/sign-in", {**forms(page)[0].fields, "email": email, "password": PASSWORD})
        assert answer.status_code == 303
        assert answer.headers["location"] == path

    def test_has_no_mark_of_a_wrong_form_before_it_was_sent(self, visitor):
        for path in PUBLIC_PAGES:
            assert problems(visitor.send("GET", path)) == [], path

    def test_has_labels_and_what_password_managers_look_for(self, visitor):
        sign_in, sign_up = visitor.open("/auth/sign-in").text, visitor.open("/auth/sign-up").text
        code = visitor.open("/auth/check-mail").text
        assert 'autocomplete="username"' in sign_in and 'autocomplete="current-password"' in sign_in
        assert 'autocomplete="username"' in sign_up and 'autocomplete="new-password"' in sign_up
        assert 'autocomplete="one-time-code"' in code and 'inputmode="numeric"' in code
        for text in (sign_in, sign_up, code):
            for identifier in re.findall(r'<input id="(\w+)"', text):
                assert f'<label for="{identifier}">' in text


def check_page(answer):
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    text = answer.text
    assert text.startswith("<!doctype html>\n<html lang=\"en\">")
    assert re.search(r"<title>[^<]+ · Acme &amp; Sons</title>", text)
    assert '<meta name="viewport"' in text
    assert len(re.findall("<h1>", text)) == 1
    check_markup(text)
    assert text.count("<main>") == 1


def check_markup(text):
    """Nothing that the policy would have to stop."""
    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            assert tag not in ("script", "style", "iframe", "object", "embed", "base")
            assert tag != "img" or dict(attributes).get("alt") is not None
            for name, value in attributes:
                assert name != "style" and not name.startswith("on")
                assert not (value or "").strip().lower().startswith("javascript:")

    Parser().feed(text)


class TestStylesheet:
    def test_is_kept_for_long_and_has_the_colour(self, front, visitor):
        path = re.search(r'href="(/auth/style/[^"]+)"', html.unescape(visitor.open("/auth/sign-in").text))[1]
        answer = front.get(path)
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]
        assert "--accent:#0a7d55" in answer.text
        assert "prefers-color-scheme:dark" in answer.text

    def test_of_another_version_is_not_kept(self, front):
        answer = front.get("/auth/style/0000000000000000.css")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


class TestSignUp:
    def test_is_confirmed_by_the_code(self, owner, visitor, email):
        page = visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", name="Ada", email=email, password=PASSWORD)
        assert heading(page) == "Check your mail"
        assert email in page.text
        assert not visitor.is_signed_in
        _, data = mail(owner, email, "confirm_email")
        page = visitor.submit(page, "/auth/check-mail", code=data["code"])
        assert heading(page) == "Account"
        assert "Your email address is confirmed." in page.text
        assert 'value="Ada"' in page.text
        assert "is confirmed." not in visitor.open("/auth/account").text, "a notice is shown once"

    def test_is_confirmed_by_the_link_and_its_button(self, owner, visitor, email):
        visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", email=email, password=PASSWORD)
        mailed = mail(owner, email, "confirm_email")
        assert heading(visit_link(visitor, mailed)) == "Account"
        assert visitor.is_signed_in

    def test_leads_back_to_the_application_also_from_another_browser(self, owner, front, visitor, email):
        start = visitor.open(f"/auth/sign-up?redirect_to={SITE}/welcome")
        visitor.submit(start, "/auth/sign-up", email=email, password=PASSWORD)
        page = visit_link(Visitor(front.base_url), mail(owner, email, "confirm_email"))
        assert f'url={SITE}/welcome"' in seen(page)

    def test_with_an_address_that_is_taken_answers_the_same(self, owner, front, visitor, email):
        make_user(owner, email)
        known = visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", email=email, password=OTHER_PASSWORD)
        other = Visitor(front.base_url)
        new = f"{uuid.uuid4().hex}@example.com"
        unknown = other.submit(other.open("/auth/sign-up"), "/auth/sign-up", email=new, password=OTHER_PASSWORD)
        assert known.text.replace(email, "x") == unknown.text.replace(new, "x")
        assert known.status_code == unknown.status_code == 200
        assert [kind for kind, _ in mails(owner, email)] == ["sign_up_attempt"]

    def test_with_a_weak_password_says_why_and_keeps_what_was_typed(self, visitor, email):
        page = visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", name="Ada", email=email, password="short")
        assert page.status_code == 422
        assert problems(page)
        assert f'value="{email}"' in page.text and 'value="Ada"' in page.text
        assert "short" not in page.text
        assert page.text.count('aria-invalid="true"') == 1
        assert "<title>Error: " in page.text

    def test_with_no_address_says_what_one_looks_like(self, visitor):
        page = visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", email="nobody", password=PASSWORD)
        assert problems(page) == ["Enter an email address such as name@example.com."]

    def test_that_is_not_offered_is_not_made(self, owner, front, email):
        with auth_front.database_settings(owner, sign_up="off"):
            with auth_front.serve(GATEHOUSE_PAGES="on", GATEHOUSE_EXTERNAL_URL="http://127.0.0.1") as client:
                visitor = Visitor(client.base_url)
                assert "Create an account" not in visitor.open("/auth/sign-in").text
                assert forms(visitor.open("/auth/sign-up")) == []
                page = visitor.send("POST", "/auth/sign-up", data={"email": email, "password": PASSWORD}, headers={"Origin": "http://127.0.0.1"})
                assert problems(page) == ["New accounts can not be made here. Ask for an invitation."]


class TestSignIn:
    def test_opens_a_session_in_two_cookies(self, owner, visitor, email):
        make_user(owner, email)
        page = visitor.sign_in(email, PASSWORD)
        assert heading(page) == "Account"
        assert set(visitor.cookies) == {"__Host-gatehouse-access", "__Host-gatehouse-refresh"}

    def test_with_a_wrong_password_or_address_says_the_same(self, owner, visitor, email):
        make_user(owner, email)
        wrong = visitor.sign_in(email, OTHER_PASSWORD)
        unknown = visitor.sign_in(f"x{email}", OTHER_PASSWORD)
        assert wrong.status_code == unknown.status_code == 400
        assert wrong.text == unknown.text.replace(f"x{email}", email)
        assert problems(wrong) == ["The email address or the password is wrong. Check both and try again."]
        assert OTHER_PASSWORD not in wrong.text
        assert not visitor.cookies

    def test_before_the_address_is_confirmed_leads_to_the_code(self, owner, visitor, email):
        visitor.submit(visitor.open("/auth/sign-up"), "/auth/sign-up", email=email, password=PASSWORD)
        page = visitor.sign_in(email, PASSWORD)
        assert heading(page) == "Check your mail"
        page = visitor.submit(page, "/auth/check-mail/again")
        assert "A new mail is on its way." in page.text
        page = visitor.submit(page, "/auth/check-mail", code=mail(owner, email, "confirm_email")[1]["code"])
        assert heading(page) == "Account"

    def test_in_a_browser_that_has_a_session_asks_before_it_goes_on(self, member, email):
        page = member.open(f"/auth/sign-in?redirect_to={SITE}/a")
        assert heading(page) == "Welcome back"
        assert email in page.text and f'href="{SITE}/a"' in seen(page)

    def test_in_the_place_of_another_session_ends_that(self, owner, member, email):
        other = f"x{email}"
        make_user(owner, other)
        member.post("/auth/sign-in", {"email": other, "password": PASSWORD})
        assert other in member.open("/auth/account").text
        living = "select count(*) from auth.session s join auth.\"user\" u on u.id = s.user_id where u.email = %s and s.ended_at is null and s.end_reason is null and s.user_agent like '%%httpx%%'"
        assert owner.execute(living, [email]).fetchone()[0] == 0

    def test_by_mail_needs_no_password(self, owner, visitor, email):
        make_user(owner, email)
        page = visitor.submit(visitor.open("/auth/mail-code"), "/auth/mail-code", email=email)
        assert heading(visitor.submit(page, "/auth/check-mail", code="000000")) == "Check your mail"
        page = visitor.submit(page, "/auth/check-mail", code=mail(owner, email, "magic_link")[1]["code"])
        assert heading(page) == "Account"

    def test_by_mail_says_the_same_of_an_address_that_nobody_has(self, owner, front, visitor, email):
        make_user(owner, email)
        for path in ("/auth/mail-code", "/auth/forgot-password"):
            other = Visitor(front.base_url)
            known = visitor.submit(visitor.open(path), path, email=email)
            unknown = other.submit(other.open(path), path, email=f"x{email}")
            assert known.text == unknown.text.replace(f"x{email}", email), path
            wrong = [v.submit(p, "/auth/check-mail", code="123456") for v, p in ((visitor, known), (other, unknown))]
            assert wrong[0].text == wrong[1].text.replace(f"x{email}", email), path


    def test_that_is_tried_too_often_says_how_long_to_wait(self, owner, visitor, email):
        limit = "where act = 'sign_in' and scope = 'account'"
        owner.execute(f"update auth.throttle_limit set attempts = 1, burst = 1 {limit}")
        try:
            page = [visitor.sign_in(email, "wrong") for _ in range(3)][-1]
        finally:
            owner.execute(f"update auth.throttle_limit set attempts = null {limit}")
        assert page.status_code == 429
        assert int(page.headers["retry-after"]) > 0
        assert re.fullmatch(r"There were too many attempts\. Wait .* and try again\.", problems(page)[0])


class TestSignOut:
    def test_ends_the_session_and_forgets_it(self, member, email):
        kept = dict(member.cookies)
        page = member.submit(member.open("/auth/sign-out"), "/auth/sign-out")
        assert "You are signed out." in page.text
        assert not member.is_signed_in
        member.cookies = kept
        assert heading(member.open("/auth/account")) == "Sign in"
        assert not member.is_signed_in, "what does not count any more is taken out of the browser"

    def test_is_a_page_for_applications_to_link_to(self, member, visitor):
        page = member.open(f"/auth/sign-out?redirect_to={SITE}/bye")
        answer = member.post("/auth/sign-out", forms(page)[0].fields)
        assert answer.headers["location"].startswith("/auth/continue?")
        assert heading(visitor.open("/auth/sign-out")) == "You are signed out"


class TestRecovery:
    def test_ends_with_a_new_password(self, owner, visitor, email):
        make_user(owner, email)
        page = visitor.submit(visitor.open("/auth/forgot-password"), "/auth/forgot-password", email=email)
        assert heading(page) == "Check your mail"
        page = visit_link(visitor, mail(owner, email, "recovery"))
        assert heading(page) == "Choose a password"
        page = visitor.submit(page, "/auth/new-password", password="x")
        assert problems(page)
        page = visitor.submit(page, "/auth/new-password", password=OTHER_PASSWORD)
        assert "Your password was changed" in page.text
        other = Visitor(visitor.base)
        assert problems(other.sign_in(email, PASSWORD))
        assert heading(other.sign_in(email, OTHER_PASSWORD)) == "Account"

    def test_by_the_code_keeps_where_to_go(self, owner, visitor, email):
        make_user(owner, email)
        start = visitor.open(f"/auth/forgot-password?redirect_to={SITE}/home")
        page = visitor.submit(start, "/auth/forgot-password", email=email)
        page = visitor.submit(page, "/auth/check-mail", code=mail(owner, email, "recovery")[1]["code"])
        assert heading(page) == "Choose a password"
        page = visitor.submit(page, "/auth/new-password", password=OTHER_PASSWORD)
        assert f"url={SITE}/home" in seen(page)

    def test_does_not_replace_the_second_factor(self, owner, front, visitor, email):
        member = signed_in(owner, front, email)
        totp, _ = set_up_authenticator(member)
        visitor.submit(visitor.open("/auth/forgot-password"), "/auth/forgot-password", email=email)
        page = visit_link(visitor, mail(owner, email, "recovery"))
        assert heading(page) == "Enter your code"
        assert heading(visitor.open("/auth/new-password")) == "Enter your code"
        page = visitor.submit(page, "/auth/second-factor", code=next_code(owner, totp, email))
        assert heading(page) == "Choose a password"


class TestMailedLinks:
    def test_are_not_spent_by_whoever_only_opens_them(self, owner, visitor, front, email):
        make_user(owner, email)
        visitor.submit(visitor.open("/auth/mail-code"), "/auth/mail-code", email=email)
        mailed = mail(owner, email, "magic_link")
        for method in ("GET", "HEAD", "GET"):
            scanner = Visitor(front.base_url)
            answer = scanner.send(method, link_of(mailed))
            assert answer.status_code == 303
            scanner.send(method, answer.headers["location"])
            assert not scanner.is_signed_in
        assert heading(visit_link(visitor, mailed)) == "Account"

    def test_leave_the_address_at_once(self, owner, visitor, email):
        make_user(owner, email)
        visitor.submit(visitor.open("/auth/mail-code"), "/auth/mail-code", email=email)
        mailed = mail(owner, email, "magic_link")
        answer = visitor.send("GET", link_of(mailed))
        assert answer.headers["location"] == "/auth/confirm"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"

    def test_count_once_and_say_what_to_do_then(self, owner, visitor, email):
        make_user(owner, email)
        visitor.submit(visitor.open("/auth/mail-code"), "/auth/mail-code", email=email)
        mailed = mail(owner, email, "magic_link")
        visit_link(visitor, mailed)
        again = Visitor(visitor.base)
        page = visit_link(again, mailed)
        assert page.status_code == 403
        assert heading(page) == "This link does not work"
        assert "has expired" in problems(page)[0]
        assert 'href="/auth/mail-code"' in seen(page)
        assert not again.is_signed_in

    def test_of_one_kind_are_none_of_another(self, owner, visitor, email):
        make_user(owner, email)
        visitor.submit(visitor.open("/auth/forgot-password"), "/auth/forgot-password", email=email)
        _, data = mail(owner, email, "recovery")
        page = visitor.open(f"/auth/confirm?token={data['token']}&type=magiclink")
        assert visitor.submit(page, "/auth/confirm").status_code == 403

    @pytest.mark.parametrize("query", ["token=&type=signup", "token=x", "token=a%22b&type=signup", "type=signup", "token=x&token=y&type=signup"])
    def test_that_are_none_say_so(self, visitor, query):
        page = visitor.open(f"/auth/confirm?{query}")
        assert heading(page) == "This link does not work"


def set_up_authenticator(member, name="Phone"):
    """Gives the generator of codes and the recovery codes."""
    page = member.submit(member.open("/auth/authenticator"), "/auth/authenticator", name=name)
    assert heading(page) == "Scan this code"
    assert "<svg" in page.text and "<?xml" not in page.text
    fields = next(form for form in forms(page) if form.path == "/auth/authenticator/verify").fields
    totp = pyotp.parse_uri(fields["uri"])
    assert totp.issuer == "Acme & Sons"
    page = member.submit(page, "/auth/authenticator/verify", code=totp.now())
    assert heading(page) == "Your recovery codes"
    return totp, re.findall(r"<li><code>([^<]+)</code></li>", page.text)


def next_code(owner, totp, email):
    """A code that was not used: the last step is forgotten in the place of waiting for the next."""
    owner.execute("update auth.mfa_factor set last_step = null where user_id = (select id from auth.\"user\" where email = %s)", [email])
    return totp.at(int(time.time()))


class TestSecondFactor:
    def test_is_asked_for_at_the_next_sign_in(self, owner, front, member, email):
        totp, codes = set_up_authenticator(member)
        assert len(codes) == 10
        assert "Phone" in member.open("/auth/account").text
        visitor = Visitor(front.base_url)
        page = visitor.sign_in(email, PASSWORD)
        assert heading(page) == "Enter your code"
        for path in MEMBERS_PAGES:
            assert heading(visitor.open(path)) == "Enter your code", path
        wrong = visitor.submit(page, "/auth/second-factor", code="000000")
        assert wrong.status_code == 422
        assert "This code is not right." in problems(wrong)[0]
        page = visitor.submit(page, "/auth/second-factor", code=next_code(owner, totp, email))
        assert heading(page) == "Account"

    def test_leads_back_to_the_application(self, owner, front, member, email):
        totp, _ = set_up_authenticator(member)
        visitor = Visitor(front.base_url)
        page = visitor.submit(visitor.open(f"/auth/sign-in?redirect_to={SITE}/x"), "/auth/sign-in", email=email, password=PASSWORD)
        page = visitor.submit(page, "/auth/second-factor", code=next_code(owner, totp, email))
        assert f"url={SITE}/x" in seen(page)

    def test_can_be_a_recovery_code_once(self, front, member, email):
        _, codes = set_up_authenticator(member)
        for expected in ("Account", "Enter a recovery code"):
            visitor = Visitor(front.base_url)
            visitor.sign_in(email, PASSWORD)
            page = visitor.open("/auth/second-factor?method=recovery")
            page = visitor.submit(page, "/auth/second-factor", code=codes[0].lower())
            assert heading(page) == expected
        assert "was used already" in problems(page)[0]

    def test_with_a_wrong_first_code_shows_the_same_secret_again(self, member):
        page = member.submit(member.open("/auth/authenticator"), "/auth/authenticator", name="Phone")
        fields = next(form for form in forms(page) if "verify" in form.path).fields
        again = member.submit(page, "/auth/authenticator/verify", code="000000")
        assert again.status_code == 422
        assert next(form for form in forms(again) if "verify" in form.path).fields["secret"] == fields["secret"]
        page = member.submit(again, "/auth/authenticator/verify", code=pyotp.TOTP(fields["secret"]).now())
        assert heading(page) == "Your recovery codes"

    def test_is_removed_and_its_recovery_codes_are_made_anew(self, member):
        _, codes = set_up_authenticator(member)
        account = member.open("/auth/account")
        assert "10 recovery codes left" in account.text
        page = member.submit(account, "/auth/recovery-codes")
        fresh = re.findall(r"<li><code>([^<]+)</code></li>", page.text)
        assert len(fresh) == 10 and not set(fresh) & set(codes)
        page = member.submit(account, "/auth/authenticator/remove")
        assert "The authenticator app was removed." in page.text and "Phone" not in page.text

    def test_that_a_tenant_requires_is_set_up_on_the_way_in(self, owner, front, visitor, email):
        make_user(owner, email)
        tenant, slug = make_tenant(owner, email)
        owner.execute("select auth.update_tenant('{\"require_second_factor\": true}', %s)", [tenant])
        page = visitor.sign_in(email, PASSWORD)
        assert heading(page) == "Set up an authenticator"
        set_up_authenticator(visitor)
        assert slug in visitor.open("/auth/account").text


class TestInvitation:
    def invite(self, owner, email):
        inviter = f"o{email}"
        make_user(owner, inviter)
        tenant, slug = make_tenant(owner, inviter, role="owner")
        owner.execute("select auth.invite(%s, 'member', %s)", [email, tenant])
        return mail(owner, email, "invitation"), slug

    def test_is_accepted_by_whoever_is_signed_in(self, owner, member, email):
        invitation, slug = self.invite(owner, email)
        answer = member.send("GET", link_of(invitation))
        assert answer.headers["location"] == "/auth/accept-invitation"
        page = member.open("/auth/accept-invitation")
        assert heading(page) == "You are invited" and email in page.text
        page = member.submit(page, "/auth/accept-invitation")
        assert "Welcome: you have joined." in page.text
        assert slug in page.text

    def test_waits_while_its_reader_makes_an_account(self, owner, visitor, email):
        invitation, slug = self.invite(owner, email)
        page = visitor.open(link_of(invitation))
        sign_up = re.search(r'href="(/auth/sign-up[^"]*)"', seen(page))[1]
        page = visitor.submit(visitor.open(sign_up), "/auth/sign-up", email=email, password=PASSWORD)
        page = visitor.submit(page, "/auth/check-mail", code=mail(owner, email, "confirm_email")[1]["code"])
        assert heading(page) == "You are invited"
        assert slug in visitor.submit(page, "/auth/accept-invitation").text

    def test_is_not_for_another_address(self, owner, front, email):
        invitation, _ = self.invite(owner, email)
        other = signed_in(owner, front, f"x{email}")
        page = other.submit(other.open(link_of(invitation)), "/auth/accept-invitation")
        assert page.status_code == 404
        assert "Sign in with the address that was invited" in problems(page)[0]

    def test_that_is_none_says_so(self, member):
        assert heading(member.open("/auth/accept-invitation")) == "This invitation does not work"


class TestTenants:
    def test_are_switched_between(self, owner, visitor, email):
        make_user(owner, email)
        (first, slug), (second, other) = make_tenant(owner, email), make_tenant(owner, email)
        visitor.sign_in(email, PASSWORD)
        page = visitor.open("/auth/choose-tenant")
        fields = next(form for form in forms(page) if form.path == "/auth/choose-tenant").fields
        wanted = slug if fields["tenant"] == str(first) else other
        page = visitor.submit(page, "/auth/choose-tenant")
        assert "another organisation now" in page.text
        assert wanted in re.search(r'class="lead">.*?</p>', page.text, re.S)[0]

    def test_of_others_are_not(self, owner, front, member, email):
        stranger, _ = make_tenant(owner, f"nobody{email}")
        page = member.post("/auth/choose-tenant", {"tenant": stranger})
        assert page.status_code == 404
        assert member.post("/auth/choose-tenant", {"tenant": "x"}).status_code == 400


class TestSessions:
    def test_are_shown_and_ended_one_by_one(self, front, member, email):
        chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
        other = Visitor(front.base_url, **{"User-Agent": chrome})
        other.sign_in(email, PASSWORD)
        page = member.open("/auth/sessions")
        assert "Chrome on Linux" in page.text and "This device" in page.text and "just now" in page.text
        form = next(form for form in forms(page) if form.path == "/auth/sessions/end")
        while heading(other.open("/auth/account")) == "Account":
            member.post("/auth/sessions/end", form.fields)
            form = next((form for form in forms(member.open("/auth/sessions")) if form.path == "/auth/sessions/end"), form)
        assert "Chrome on Linux" not in member.open("/auth/sessions").text

    def test_are_ended_all_but_one(self, front, member, email):
        other = Visitor(front.base_url)
        other.sign_in(email, PASSWORD)
        page = member.submit(member.open("/auth/sessions"), "/auth/sessions/end-others")
        assert "Your other sessions were signed out." in page.text
        assert heading(other.open("/auth/account")) == "Sign in"
        assert heading(member.open("/auth/account")) == "Account"

    def test_of_others_are_not_ended(self, owner, front, member, email):
        other = signed_in(owner, front, f"x{email}")
        query = "select s.id from auth.session s join auth.\"user\" u on u.id = s.user_id where u.email = %s order by s.created_at desc"
        session = owner.execute(query, [f"x{email}"]).fetchone()[0]
        member.post("/auth/sessions/end", {"session": str(session)})
        assert heading(other.open("/auth/account")) == "Account"


class TestAccount:
    def test_changes_the_name(self, member):
        page = member.submit(member.open("/auth/account"), "/auth/account/name", name="Grace")
        assert "Your name was changed." in page.text and 'value="Grace"' in page.text
        page = member.submit(page, "/auth/account/name", name="")
        assert "Grace" not in page.text

    def test_changes_the_password_and_ends_other_sessions(self, front, member, email):
        other = Visitor(front.base_url)
        other.sign_in(email, PASSWORD)
        account = member.open("/auth/account")
        page = member.submit(account, "/auth/account/password", current_password="wrong", password=OTHER_PASSWORD)
        assert problems(page) == ["The current password is wrong."]
        page = member.submit(account, "/auth/account/password", current_password=PASSWORD, password=OTHER_PASSWORD)
        assert "Your password was changed" in page.text
        assert heading(other.open("/auth/account")) == "Sign in"
        assert heading(member.open("/auth/account")) == "Account"

    def test_changes_the_address_when_both_are_confirmed(self, owner, member, email):
        new = f"new{email}"
        page = member.submit(member.open("/auth/account"), "/auth/account/email", email=new)
        assert heading(page) == "Check your mail" and new in page.text
        assert new in member.open("/auth/account").text, "it says what it waits for"
        current, fresh = mail(owner, email, "email_change_current"), None
        fresh = next(m for m in mails_again(owner, new) if m[0] == "email_change_new")
        page = visit_link(member, current)
        assert "Now open the mail that we sent to the other one." in page.text
        page = visit_link(member, fresh)
        assert heading(page) == "Account" and new in page.text

    def test_mails_about_a_change_once_more(self, owner, member, email):
        new = f"new{email}"
        page = member.submit(member.open("/auth/account"), "/auth/account/email", email=new)
        first = mail(owner, new, "email_change_new")
        page = member.submit(page, "/auth/check-mail/again")
        assert "A new mail is on its way." in page.text
        assert mail(owner, new, "email_change_new")[1]["token"] != first[1]["token"]

    def test_does_not_tell_whether_an_address_is_taken(self, owner, member, email):
        taken = f"taken{email}"
        make_user(owner, taken)
        account = member.open("/auth/account")
        known = member.submit(account, "/auth/account/email", email=taken)
        unknown = member.submit(account, "/auth/account/email", email=f"new{email}")
        assert known.text.replace(taken, "x") == unknown.text.replace(f"new{email}", "x")


def mails_again(owner, email):
    """As mails, where another call has taken them already: they are due again at once."""
    owner.execute("update auth.mail_outbox set due_at = clock_timestamp() where recipient = %s and done_at is null", [email])
    return mails(owner, email)


class TestForgery:
    @pytest.mark.parametrize("path", POSTS)
    def test_a_form_of_another_site_does_nothing(self, resident, path):
        member = resident
        kept = dict(member.cookies)
        for headers in (
            {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": SITE}, {},
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
            {"Origin": member.base, "Sec-Fetch-Site": "cross-site"},
            {"Origin": member.base + ".evil.example"}, {"Origin": "https" + member.base.removeprefix("http")},
        ):
            answer = member.send("POST", path, headers=headers, data={"email": "a@example.com", "password": PASSWORD})
            assert answer.status_code == 403, headers
            assert "was not sent by a page of ours" in answer.text
            assert "set-cookie" not in answer.headers
        assert member.cookies == kept
        assert heading(member.open("/auth/account")) == "Account"

    def test_a_page_of_ours_is_let_through_however_browsers_say_so(self, owner, visitor, email):
        make_user(owner, email)
        host = {"Sec-Fetch-Site": "same-origin"}
        for headers in (
            {"Origin": visitor.base}, {**host, "Origin": visitor.base}, host, {**host, "Origin": "null"},
            {**host, "Origin": visitor.base.replace("127.0.0.1", "localhost"), "Host": visitor.base.removeprefix("http://").replace("127.0.0.1", "localhost")},
        ):
            answer = visitor.send("POST", "/auth/sign-in", headers=headers, data={"email": email, "password": PASSWORD})
            assert answer.status_code == 303, headers

    def test_other_methods_are_none(self, resident):
        member = resident
        for method in ("PUT", "DELETE", "PATCH"):
            assert member.send(method, "/auth/sign-out").status_code == 405
        assert member.send("GET", "/auth/sessions/end-others").status_code == 405
        assert member.is_signed_in

    def test_a_form_is_a_form(self, resident):
        member = resident
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
            answer = member.send("POST", "/auth/account/name", headers={"Origin": member.base, "Content-Type": kind}, content=b'{"name": "x"}')
            assert answer.status_code == 415, kind
        large = member.send("POST", "/auth/account/name", headers={"Origin": member.base}, data={"name": "x" * 70_000})
        assert large.status_code == 413


class TestTossing:
    """A neighbouring host tries to slip in cookies of its own."""

    def cookie(self, visitor, text):
        return visitor.send("GET", "/auth/account", headers={"Cookie": text})

    def test_a_cookie_that_comes_twice_counts_as_none(self, resident):
        member = resident
        access, refresh = member.cookies["__Host-gatehouse-access"], member.cookies["__Host-gatehouse-refresh"]
        good = f"__Host-gatehouse-access={access}; __Host-gatehouse-refresh={refresh}"
        assert self.cookie(member, good).status_code == 200
        twice = f"{good}; __Host-gatehouse-access=x; __Host-gatehouse-refresh=y"
        assert self.cookie(member, twice).headers["location"].startswith("/auth/sign-in")

    @pytest.mark.parametrize("name", ["gatehouse-access", "__Secure-gatehouse-access", "__HOST-gatehouse-access", "__Host-gatehouse-access "])
    def test_a_name_without_the_prefix_is_none(self, resident, name):
        member = resident
        access = member.cookies["__Host-gatehouse-access"]
        answer = self.cookie(member, f"{name}={access}" if not name.endswith(" ") else f"{name}={access}; __Host-gatehouse-access=x")
        assert answer.headers["location"].startswith("/auth/sign-in")


class TestRedirects:
    @pytest.mark.parametrize("url", [
        "https://evil.example/", "//evil.example", "/\\evil.example", "https:evil.example", "https://app.example@evil.example/",
        "https://app.example.evil.example/", "javascript:alert(1)", "data:text/html,x", "\thttps://evil.example", "/%09/evil.example",
        "https://app.example/..//evil", "/auth/continue\r\nSet-Cookie: x=y",
    ])
    def test_go_nowhere_that_the_operator_does_not_allow(self, resident, url):
        answer = resident.send("GET", "/auth/second-factor", params={"redirect_to": url})
        assert answer.headers["location"] == "/auth/authenticator"
        page = resident.send("GET", "/auth/continue", params={"redirect_to": url})
        assert 'content="0; url=/auth/account"' in seen(page)
        assert "evil" not in page.text and "set-cookie" not in page.headers

    def test_of_a_form_go_nowhere_else_either(self, owner, visitor, email):
        make_user(owner, email)
        for url in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            answer = visitor.post("/auth/sign-in", {"email": email, "password": PASSWORD, "redirect_to": url})
            assert answer.headers["location"] == "/auth/account"

    def test_go_to_applications_over_a_page(self, owner, visitor, email):
        make_user(owner, email)
        page = visitor.submit(visitor.open(f"/auth/sign-in?redirect_to={SITE}/a?b=c%26d"), "/auth/sign-in", email=email, password=PASSWORD)
        assert heading(page) == "One moment"
        assert f'content="0; url={SITE}/a?b=c&d"' in seen(page)

    def test_that_are_said_twice_are_not_said(self, visitor):
        page = visitor.send("GET", f"/auth/continue?redirect_to={SITE}/&redirect_to={SITE}/x")
        assert "url=/auth/account" in seen(page)


class TestInjection:
    NASTY = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'{{ 7 * 7 }}"

    def test_names_are_text(self, owner, front, email):
        member = signed_in(owner, front, email, name=self.NASTY)
        make_tenant(owner, email, name=self.NASTY)
        agent = Visitor(front.base_url, **{"User-Agent": self.NASTY})
        agent.sign_in(email, PASSWORD)
        for path in ("/auth/account", "/auth/choose-tenant", "/auth/sessions"):
            page = member.open(path)
            check_page(page)
            assert "<img src=x" not in page.text
            assert self.NASTY[:10] in seen(page)

    def test_what_no_database_can_hold_is_refused_with_words(self, visitor):
        page = visitor.post("/auth/sign-in", {"email": "a\x00@example.com", "password": PASSWORD})
        assert page.status_code == 400
        assert problems(page)

    def test_what_was_typed_comes_back_as_text(self, visitor):
        for path in ("/auth/sign-in", "/auth/sign-up", "/auth/forgot-password", "/auth/mail-code"):
            page = visitor.post(path, {"email": self.NASTY, "name": self.NASTY, "password": "x", "tenant": self.NASTY})
            assert page.status_code >= 400
            assert "<script" not in page.text and "<img src=x" not in page.text
            page = visitor.send("GET", path, params={"tenant": self.NASTY, "redirect_to": self.NASTY})
            assert "<script" not in page.text and "<img src=x" not in page.text

    def test_a_cookie_that_somebody_made_is_text(self, visitor):
        flow = base64.urlsafe_b64encode(json.dumps({"email": self.NASTY, "kind": "signup"}).encode()).decode().rstrip("=")
        page = visitor.send("GET", "/auth/check-mail", headers={"Cookie": f"__Host-gatehouse-flow={flow}; __Host-gatehouse-notice=<script>"})
        assert "<script" not in page.text and "&lt;script&gt;" in page.text


class TestConfiguration:
    def test_without_pages_there_are_none(self, http, owner):
        with auth_front.serve(GATEHOUSE_PAGES="off") as client:
            for path in ("/auth/sign-in", "/auth/account"):
                answer = client.get(path)
                assert answer.status_code == 404 and answer.headers["content-type"].startswith("application/json")
            assert client.get("/auth/style/x.css").status_code == 404

    def test_a_picture_of_another_host_is_allowed_and_no_more(self, owner):
        with auth_front.serve(GATEHOUSE_PAGES="on", GATEHOUSE_BRAND_LOGO="https://cdn.example/logo.svg") as client:
            page = client.get("/auth/sign-in")
            assert "img-src 'self' data: https://cdn.example;" in page.headers["content-security-policy"]
            assert '<img src="https:&#x2f;&#x2f;cdn.example&#x2f;logo.svg"' in page.text

    def test_below_a_path_all_links_are_below_it(self, owner):
        with auth_front.serve(GATEHOUSE_PAGES="on", GATEHOUSE_SITE_URL="", GATEHOUSE_EXTERNAL_URL="https://auth.example/base") as client:
            page = client.get("/auth/sign-in")
            links = re.findall(r'(?:href|action)="(?:&#x2f;|/)?([^"]*)"', page.text.replace("&#x2f;", "/"))
            assert links and all(link.startswith("base/") or link == "data:," for link in links), links
            assert client.get("/auth/account").headers["location"].startswith("/base/auth/sign-in?redirect_to=%2Fauth%2Faccount")

    def test_the_application_is_where_people_go(self, owner, email):
        make_user(owner, email)
        over_a_page = "/auth/continue?redirect_to=https%3A%2F%2Fapp.example%2Fhome"
        for front, location in ((SITE, "/home"), ("https://auth.example", over_a_page)):
            with auth_front.serve(GATEHOUSE_PAGES="on", GATEHOUSE_SITE_URL=f"{SITE}/home", GATEHOUSE_EXTERNAL_URL=front) as client:
                answer = client.post("/auth/sign-in", data={"email": email, "password": PASSWORD}, headers={"Origin": front})
                assert answer.headers["location"] == location
