"""The pages in a real browser: whole ways through them, by keyboard, without JavaScript, on a phone, in the dark."""

import json
import re
import uuid

import auth_front
import pyotp
import pytest
from auth_front import PASSWORD, SITE
from browser.chromium import PHONE, accessibility, chromium, heading, overflows, press, window  # noqa: F401
from data_api import until
from test_pages import OTHER_PASSWORD, make_tenant, make_user, next_code

NO_SCRIPT = {"java_script_enabled": False}
DARK_PHONE = {**PHONE, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def front(owner):
    """With the mailbox for development: what it shows is clicked on."""
    port = auth_front.data_api.free_port()
    with auth_front.database_settings(owner, autoconfirm="off"):
        # What others left in the outbox is not for this front.
        auth_front.mails(owner, "")
        with auth_front.serve(
            SERVER_PORT=port, GATEHOUSE_PAGES="on", GATEHOUSE_COOKIE_SESSIONS="on", GATEHOUSE_SITE_URL="",
            GATEHOUSE_EXTERNAL_URL=f"http://127.0.0.1:{port}", GATEHOUSE_REDIRECT_URLS=f"{SITE}/**",
            GATEHOUSE_DEV_MAILBOX="on", GATEHOUSE_RATE_LIMIT_AUTH="off",
        ) as client:
            yield client


@pytest.fixture
def email():
    return f"{uuid.uuid4().hex[:16]}@example.com"


def mailed(front, to, subject):
    """The newest mail to the address about that, once it has come."""
    def fitting():
        return [mail for mail in front.get("/dev/mail.json").json() if mail["to"] == [to] and re.search(subject, mail["subject"])]

    until(fitting)
    return fitting()[0]


def link(mail):
    return next(link for link in mail["links"] if "token=" in link)


def code(mail):
    return re.search(r"^\s*(\d{6}|\d{3} \d{3})\s*$", mail["text"], re.M)[1]


def sign_in(page, email, password=PASSWORD, path="/auth/sign-in"):
    page.goto(path)
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")


@pytest.mark.parametrize("options", [{}, NO_SCRIPT, DARK_PHONE], ids=["desktop", "no script", "dark phone"])
def test_from_sign_up_over_the_mail_to_a_signed_in_page(front, chromium, email, options):
    with window(chromium, front, **options) as page:
        page.goto("/auth/sign-in")
        page.get_by_role("link", name="Create an account").click()
        page.get_by_label("Name").fill("Ada Lovelace")
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Create account")
        assert heading(page) == "Check your mail"
        mail = mailed(front, email, "Confirm")
        page.goto(f"/dev/mail/{mail['id']}")
        page.locator(f'a[href="{link(mail)}"]').first.click()
        page.wait_for_url("**/auth/confirm")
        assert "token" not in page.url
        press(page, "Confirm and sign in")
        assert heading(page) == "Account"
        assert page.get_by_label("Name").input_value() == "Ada Lovelace"
        assert page.get_by_role("status").inner_text() == "Your email address is confirmed."


def test_the_session_is_in_cookies_that_no_script_sees(owner, front, chromium, email):
    make_user(owner, email)
    with window(chromium, front, bypass_csp=True) as page:
        sign_in(page, email)
        assert heading(page) == "Account"
        assert page.evaluate("document.cookie") == ""
        kept = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert set(kept) == {"__Host-gatehouse-access", "__Host-gatehouse-refresh"}
        for cookie in kept.values():
            assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
        user = page.evaluate("fetch('/auth/v1/user').then(r => r.json())")
        assert user["email"] == email
        changed = page.evaluate("fetch('/auth/v1/user', {method: 'PUT', body: JSON.stringify({data: {name: 'Ada'}}), headers: {'Content-Type': 'application/json'}}).then(r => r.json())")
        assert changed["user_metadata"]["name"] == "Ada"
        page.context.clear_cookies(name="__Host-gatehouse-access")
        assert page.evaluate("fetch('/rest/v1/note?select=id').then(r => r.status)") == 200
        assert "__Host-gatehouse-access" in {cookie["name"] for cookie in page.context.cookies()}


def test_by_keyboard_alone(owner, front, chromium, email):
    make_user(owner, email)
    with window(chromium, front) as page:
        page.goto("/auth/sign-in")
        page.keyboard.type(email)
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "password"
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/auth/account")
        seen = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            ring, name = page.evaluate("""() => {
                const e = document.activeElement, s = getComputedStyle(e);
                const isNone = e === document.body || e === document.documentElement;
                return [s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2, isNone ? '' : e.innerText || e.id];
            }""")
            if not name:
                break
            assert ring, f"the focus can not be seen on {name}"
            seen.add(name)
        assert {"Devices", "Organisations", "Sign out", "Save name", "Change address", "Change password", "Set up"} <= seen
        page.get_by_role("button", name="Sign out").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/auth/sign-in")
        assert page.get_by_role("status").inner_text() == "You are signed out."


@pytest.mark.parametrize("options", [{}, {**PHONE, **NO_SCRIPT}], ids=["desktop", "phone without script"])
def test_a_forgotten_password_is_replaced(owner, front, chromium, email, options):
    make_user(owner, email)
    with window(chromium, front, **options) as page:
        page.goto(f"/auth/sign-in?redirect_to={SITE}/home")
        page.get_by_role("link", name="Forgot your password?").click()
        page.get_by_label("Email address").fill(email)
        press(page, "Send mail")
        page.goto(link(mailed(front, email, "password")))
        press(page, "Continue")
        assert heading(page) == "Choose a password"
        page.get_by_label("New password").fill("short")
        press(page, "Save password")
        assert page.get_by_role("alert").is_visible()
        page.get_by_label("New password").fill(OTHER_PASSWORD)
        page.context.route(f"{SITE}/**", lambda route: route.fulfill(body="<h1>The application</h1>", content_type="text/html"))
        press(page, "Save password")
        page.wait_for_url(f"{SITE}/home")
        assert heading(page) == "The application"


@pytest.mark.parametrize("options", [NO_SCRIPT, DARK_PHONE], ids=["no script", "dark phone"])
def test_a_second_factor_is_set_up_and_asked_for(owner, front, chromium, email, options):
    make_user(owner, email)
    with window(chromium, front, **options) as page:
        sign_in(page, email)
        page.get_by_role("link", name="Set up").click()
        page.get_by_label("Name of the device").fill("My phone")
        press(page, "Continue")
        assert page.get_by_role("img", name="QR code").bounding_box()["width"] >= 180
        page.get_by_text("Can not scan it?").click()
        secret = page.locator(".key").inner_text().replace(" ", "").strip()
        totp = pyotp.TOTP(secret)
        page.get_by_label("Code that the app shows").fill(totp.now())
        press(page, "Finish")
        codes = page.locator(".codes code").all_inner_texts()
        assert len(set(codes)) == 10
        page.get_by_role("link", name="I have kept them").click()
        assert page.get_by_text("My phone").is_visible()
    with window(chromium, front, **options) as page:
        sign_in(page, email)
        assert heading(page) == "Enter your code"
        page.get_by_label("Code", exact=True).fill("000000")
        press(page, "Continue")
        assert "not right" in page.get_by_role("alert").inner_text()
        page.get_by_label("Code", exact=True).fill(next_code(owner, totp, email))
        press(page, "Continue")
        assert heading(page) == "Account"
    with window(chromium, front, **options) as page:
        sign_in(page, email)
        page.get_by_role("link", name="Use a recovery code").click()
        page.get_by_label("Recovery code").fill(codes[3])
        press(page, "Continue")
        assert heading(page) == "Account"
        assert page.get_by_text("9 recovery codes left").is_visible()


def test_an_invitation_is_accepted_after_signing_up(owner, front, chromium, email):
    inviter = f"o{email}"
    make_user(owner, inviter)
    tenant, slug = make_tenant(owner, inviter, role="owner", name="Hooli")
    owner.execute("select auth.invite(%s, 'member', %s)", [email, tenant])
    with window(chromium, front, **NO_SCRIPT) as page:
        page.goto(link(mailed(front, email, "Hooli")))
        assert heading(page) == "You are invited"
        assert "token" not in page.url
        page.get_by_role("link", name="Create an account").click()
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Create account")
        page.get_by_label("Code from the mail").fill(code(mailed(front, email, "Confirm")))
        press(page, "Continue")
        assert heading(page) == "You are invited"
        press(page, "Accept the invitation")
        assert page.get_by_role("status").inner_text() == "Welcome: you have joined."
        assert page.get_by_role("link", name=slug).is_visible()


def test_tenants_are_switched_between(owner, front, chromium, email):
    make_user(owner, email)
    for name in ("Acme", "Globex"):
        make_tenant(owner, email, name=name)
    with window(chromium, front) as page:
        sign_in(page, email, path="/auth/sign-in?redirect_to=/auth/choose-tenant")
        assert heading(page) == "Organisations"
        for name in ("Acme", "Globex", "Acme"):
            row = page.get_by_role("listitem").filter(has_text=name)
            if row.get_by_text("Active").count() == 0:
                row.get_by_role("button", name="Switch").click()
                page.goto("/auth/choose-tenant")
            assert page.get_by_role("listitem").filter(has_text=name).get_by_text("Active").is_visible()


def test_sessions_are_ended_from_another_device(owner, front, chromium, email):
    make_user(owner, email)
    with window(chromium, front) as desk, window(chromium, front, **PHONE, user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1") as phone:
        sign_in(phone, email)
        sign_in(desk, email)
        desk.get_by_role("link", name="Devices").click()
        row = desk.get_by_role("listitem").filter(has_text="Safari on iPhone")
        row.get_by_role("button", name="Sign out").click()
        assert desk.get_by_role("status").inner_text() == "That session was signed out."
        phone.goto("/auth/sessions")
        assert heading(phone) == "Sign in"
        assert heading(desk) == "Devices"


def test_an_address_is_changed_by_both_mails(owner, front, chromium, email):
    make_user(owner, email)
    new = f"new.{email}"
    with window(chromium, front) as page:
        sign_in(page, email)
        page.get_by_label("New email address").fill(new)
        press(page, "Change address")
        assert heading(page) == "Check your mail"
        for address in (email, new):
            page.goto(link(mailed(front, address, "change|new")))
            press(page, "Confirm")
        assert heading(page) == "Account"
        assert page.get_by_text(new).first.is_visible()


class TestOtherSites:
    """Pages of others, in the browser of somebody who is signed in."""

    FORM = """<form id="f" method="post" action="{action}"><input name="name" value="Mallory"></form><script>f.submit()</script>"""

    def name_after(self, front, page, html, origin):
        page.context.route(f"{origin}/**", lambda route: route.fulfill(body=html, content_type="text/html"))
        page.goto(f"{origin}/attack")
        page.wait_for_timeout(500)
        page.goto(f"{front.base_url}/auth/account")
        return heading(page), page.get_by_label("Name").input_value()

    @pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "http://localhost:1"])
    def test_change_nothing_by_a_form(self, owner, front, chromium, email, origin):
        make_user(owner, email, name="Ada")
        with window(chromium, front) as page:
            sign_in(page, email)
            html = self.FORM.format(action=f"{front.base_url}/auth/account/name")
            assert self.name_after(front, page, html, origin) == ("Account", "Ada")

    @pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1"])
    def test_change_and_read_nothing_by_script(self, owner, front, chromium, email, origin):
        make_user(owner, email, name="Ada")
        script = """<script>
            const base = "%s", all = [];
            for (const [method, body] of [["GET"], ["PUT", '{"data": {"name": "Mallory"}}'], ["POST", '{"data": {"name": "Mallory"}}']])
                for (const mode of ["cors", "no-cors"])
                    all.push(fetch(base + "/auth/v1/user", {method, body, mode, credentials: "include"}).then(r => r.text(), () => "").then(t => { window.seen = (window.seen || "") + t }));
            Promise.all(all).catch(() => {});
        </script>""" % str(front.base_url).rstrip("/")
        context = chromium.new_context(base_url=str(front.base_url))
        page = context.new_page()
        sign_in(page, email)
        page.context.route(f"{origin}/**", lambda route: route.fulfill(body=script, content_type="text/html"))
        page.goto(f"{origin}/attack")
        page.wait_for_timeout(700)
        assert email not in (page.evaluate("window.seen") or "")
        page.goto("/auth/account")
        assert page.get_by_label("Name").input_value() == "Ada"
        context.close()

    def test_can_not_frame_a_page(self, front, chromium):
        context = chromium.new_context()
        page = context.new_page()
        page.route("http://evil.example/**", lambda route: route.fulfill(body=f'<iframe src="{front.base_url}/auth/sign-in"></iframe>', content_type="text/html"))
        page.goto("http://evil.example/")
        page.wait_for_timeout(500)
        assert all(frame.locator("#email").count() == 0 for frame in page.frames)
        context.close()

    def test_sign_nobody_in_as_somebody_else(self, owner, front, chromium, email):
        make_user(owner, email)
        with window(chromium, front) as page:
            html = f"""<form id="f" method="post" action="{front.base_url}/auth/sign-in"><input name="email" value="{email}"><input name="password" value="{PASSWORD}"></form><script>f.submit()</script>"""
            page.context.route("http://evil.example/**", lambda route: route.fulfill(body=html, content_type="text/html"))
            page.goto("http://evil.example/")
            page.wait_for_url("**/auth/sign-in")
            assert heading(page) == "This did not work"
            assert page.context.cookies() == []


def pages_of(owner, front, chromium, email, **options):
    """Every page, one after the other, in the browser of a member of two tenants with an authenticator."""
    yield from visit(chromium, front, ["/auth/sign-in", "/auth/sign-up", "/auth/forgot-password", "/auth/mail-code", "/auth/check-mail", "/auth/confirm", "/auth/accept-invitation?token=ghi_x", "/auth/sign-out"], **options)
    make_user(owner, email, name="Ada Lovelace of a Rather Long Name, Countess")
    for name in ("Acme", "A tenant whose name is as long as names of tenants are, and then somewhat longer"):
        make_tenant(owner, email, name=name)
    with window(chromium, front, **options) as page:
        sign_in(page, email)
        yield from ((page, path) for path in go(page, ["/auth/account", "/auth/sessions", "/auth/choose-tenant", "/auth/new-password", "/auth/sign-in", "/auth/authenticator"]))
        press(page, "Continue")
        yield page, "scan"
        secret = page.locator("input[name=secret]").get_attribute("value")
        page.get_by_label("Code that the app shows").fill(pyotp.TOTP(secret).now())
        press(page, "Finish")
        yield page, "recovery codes"
        page.goto("/auth/account")
        yield page, "account with factor"
        page.get_by_label("New password").fill("x")
        press(page, "Change password")
        yield page, "account with problem"
    with window(chromium, front, **options) as page:
        sign_in(page, email)
        yield page, "second factor"
        page.goto("/auth/second-factor?method=recovery")
        yield page, "recovery code"


def visit(chromium, front, paths, **options):
    with window(chromium, front, **options) as page:
        yield from ((page, path) for path in go(page, paths))


def go(page, paths):
    for path in paths:
        page.goto(path)
        yield path


@pytest.mark.parametrize("options", [{}, DARK_PHONE], ids=["desktop", "dark phone"])
def test_every_page_can_be_used_by_everybody(owner, front, chromium, email, options):
    found = {}
    for page, name in pages_of(owner, front, chromium, email, **options):
        assert not overflows(page), name
        violations = accessibility(page)
        if violations:
            found[name] = violations
    assert not found, json.dumps(found, indent=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_follow_the_light(front, chromium, scheme):
    with window(chromium, front, color_scheme=scheme) as page:
        page.goto("/auth/sign-in")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(re.search(r"\d+", ground)[0])
        assert (red > 200) == (scheme == "light")


def test_a_page_loads_nothing_but_itself_and_the_stylesheet(front, chromium):
    with window(chromium, front) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/auth/sign-in")
        page.wait_for_load_state("networkidle")
        assert len(asked) == 2 and "/auth/style/" in asked[1], asked
