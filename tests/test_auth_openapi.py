"""What the auth API answers against what its description says, by requests that schemathesis makes of it."""

import os
import pathlib
import subprocess
import sys

import pytest

# Of each operation and identity; make test-openapi takes its time.
EXAMPLES = os.environ.get("GATEHOUSE_OPENAPI_EXAMPLES")
AT_LENGTH = ["--phases", "coverage,fuzzing", "-n", EXAMPLES] if EXAMPLES else ["--phases", "fuzzing", "-n", "4"]
# That a request fits the description does not mean that it must succeed: there are wrong passwords.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,ignored_auth,unsupported_method"


def token_of(auth, who):
    return {"nobody": lambda: None, "user": lambda: auth.session()["access_token"], "operator": lambda: auth.service_key}[who]()


@pytest.mark.parametrize("who", ["nobody", "user", "operator"])
def test_answers_are_as_described(auth, who, tmp_path):
    base = str(auth.http.base_url).rstrip("/") + "/auth/v1"
    token = token_of(auth, who)
    command = [str(pathlib.Path(sys.executable).with_name("st")), "run", f"{base}/openapi.json", "--url", base, "--checks", CHECKS, "--seed", "20240101",
               "--continue-on-failure", "--warnings", "off", "--request-timeout", "60", "--suppress-health-check", "all", *AT_LENGTH]
    if token is not None:
        # It would be somebody else's session that the other requests have.
        command += ["-H", f"Authorization: Bearer {token}", "--exclude-operation-id", "sign_out"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]


def test_the_description_is_that_of_the_routes(auth):
    document = auth.get("/openapi.json")
    assert document.status_code == 200 and document.headers["content-type"].startswith("application/json") and document.headers["cache-control"] == "public, max-age=600"
    body = document.json()
    assert body["openapi"] == "3.1.0" and body["servers"] == [{"url": "/auth/v1"}] and len(body["paths"]) > 40
    for path, item in body["paths"].items():
        for method in item:
            there = auth.send(method.upper(), path.replace("{", "").replace("}", ""))
            assert there.json().get("error_code") not in ("not_found", "bad_http_method") if there.content else there.status_code in (204, 303), (method, path)
    open_ones = {path for path, item in body["paths"].items() for operation in item.values() if not operation.get("security")}
    assert open_ones == {"/signup", "/token", "/recover", "/otp", "/magiclink", "/resend", "/verify", "/settings", "/health", "/.well-known/jwks.json", "/.well-known/openid-configuration"}
