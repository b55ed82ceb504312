"""What the documents tell people to copy, copied: every line of curl, and the examples of clients."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
# A refusal is an answer too: curl is to call it a failure, which ends the script.
STRICT = 'set -eu -o pipefail\ncurl() { command curl --fail-with-body -w "\\n" "$@"; }\n'


def blocks(language, needle):
    """For each document, its blocks of that language that have the word, as one script."""
    found = {path: [text for kind, text in BLOCK.findall(path.read_text()) if kind == language and needle in text]
             for path in DOCUMENTS}
    return [pytest.param("\n".join(texts), id=path.name) for path, texts in found.items() if texts]


def run(command, script, cwd=ROOT):
    done = subprocess.run([*command, script], cwd=cwd, env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("script", blocks("sh", "curl "))
def test_every_line_of_curl_in_the_documents_works(script):
    assert script.count("curl ") > 0
    run(["bash", "-c"], STRICT + script)


def test_the_lines_of_curl_show_one_tenant_only():
    [script] = [param.values[0] for param in blocks("sh", "curl ") if param.id == "clients.md"]
    printed = run(["bash", "-c"], STRICT + script)
    assert "Acme: written by curl" in printed and "anvils" in printed and "Globex" not in printed.split('"users"')[0]


def test_the_lines_that_make_up_prints_work(owner):
    """They are printed with this instance's URL and the other tenant's id."""
    [text] = re.findall(r"^cat <<TEXT\n(.*?)^TEXT$", (ROOT / "scripts/up").read_text(), re.M | re.S)
    globex = owner.execute("select id from auth.tenant where slug = 'globex'").fetchone()[0]
    shown = run(["bash", "-c"], f"url=$GATEHOUSE_URL globex={globex} HTTP_PORT=0 STATE=x\ncat <<TEXT\n{text}TEXT\n")
    lines = [line.strip() for line in shown.splitlines() if "curl " in line]
    assert len(lines) >= 3
    printed = run(["bash", "-c"], STRICT + "\n".join(lines))
    assert "anvils" in printed and "Globex" not in printed and "[]" in printed


@pytest.mark.parametrize("script", blocks("js", "@supabase/supabase-js"))
def test_the_example_in_javascript_runs(script):
    # As the page says: node 20 has no WebSocket, which the client wants to see.
    script = script.replace("GATEHOUSE_ANON_KEY)", "GATEHOUSE_ANON_KEY, { realtime: { transport: ws } })")
    shown = "" if "console.log" in script else "console.log(data)\n"
    printed = run(["node", "--input-type=module", "-e"], "import ws from 'ws'\n" + script + shown, os.environ["GATEHOUSE_NODE"])
    assert "anvils" in printed and "Globex" not in printed


@pytest.mark.parametrize("script", blocks("python", "supabase"))
def test_the_example_in_python_runs(script):
    printed = run([sys.executable, "-c"], script)
    assert "anvils" in printed and "Globex" not in printed
