"""A browser without a screen: keeps cookies as browsers do, sends forms from the pages that it is on."""

import html
import html.parser
import re
import urllib.parse

import httpx

ACCESS, REFRESH = "__Host-gatehouse-access", "__Host-gatehouse-refresh"


class Visitor:
    """`__Host-` cookies are Secure, and browsers send those to this machine also without TLS; httpx does not."""

    def __init__(self, base, **headers):
        self.base = str(base).rstrip("/")
        self.cookies = {}
        self.headers = headers
        self.client = httpx.Client(base_url=self.base, timeout=30)

    def send(self, method, path, headers=None, **options):
        headers = {**self.headers, **(headers or {})}
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        answer = self.client.request(method, path, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            self.keep(line)
        return answer

    def keep(self, line):
        pair, *attributes = line.split("; ")
        assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(attributes), line
        assert not any(attribute.startswith("Domain") for attribute in attributes), line
        name, value = pair.split("=", 1)
        assert name.startswith("__Host-"), line
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def open(self, path):
        """Follows redirects, as for whoever clicks."""
        for _ in range(10):
            answer = self.send("GET", path)
            if answer.status_code != 303:
                return answer
            path = answer.headers["location"]
        raise AssertionError("redirects without end")

    def post(self, path, fields=None, headers=None):
        return self.send("POST", path, data=fields or {}, headers={"Origin": self.base, **(headers or {})})

    def submit(self, page, path, **fields):
        """Fills in the form of the page that goes to the path; follows where that leads."""
        form = next(form for form in forms(page) if form.path == path)
        answer = self.post(path, {**form.fields, **fields})
        return self.open(answer.headers["location"]) if answer.status_code == 303 else answer

    def sign_in(self, email, password, **more):
        return self.submit(self.open("/auth/sign-in"), "/auth/sign-in", email=email, password=password, **more)

    @property
    def is_signed_in(self):
        return ACCESS in self.cookies


class Form:
    def __init__(self, path):
        self.path, self.fields = path, {}


class Forms(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append(Form(attributes["action"]))
        elif tag == "input" and self.forms and attributes.get("name"):
            if attributes.get("type") != "radio" or "checked" in attributes:
                self.forms[-1].fields[attributes["name"]] = attributes.get("value") or ""


def forms(page):
    parser = Forms()
    parser.feed(page.text)
    return parser.forms


def seen(page):
    """The page's text as a browser reads it."""
    return html.unescape(page.text)


def heading(page):
    return re.search(r"<h1>(.*?)</h1>", page.text, re.S)[1]


def problems(page):
    """What stands in the summary of what is wrong."""
    block = re.search(r'role="alert".*?</ul>', page.text, re.S)
    return re.findall(r"<li>(?:<a[^>]*>)?(.*?)(?:</a>)?</li>", block[0]) if block else []


def link_of(mail, external=""):
    """Where the mail's link leads, as the front's templates make it for pages."""
    kinds = {"confirm_email": "signup", "magic_link": "magiclink", "recovery": "recovery", "invite": "invite"}
    kind, data = mail
    if kind == "invitation":
        return f"{external}/auth/accept-invitation?token={data['token']}"
    assert data["options"]["page"] is True
    query = {"token": data["token"], "type": kinds.get(kind, "email_change")}
    if "redirect_to" in data["options"]:
        query["redirect_to"] = data["options"]["redirect_to"]
    return f"{external}/auth/confirm?{urllib.parse.urlencode(query)}"
