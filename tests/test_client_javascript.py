"""npm's @supabase/supabase-js, unmodified: the tests in clients/, run by node's own test runner."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent / "clients"
FILES = sorted(HERE.glob("*.test.mjs"))


@pytest.fixture(scope="module")
def folder():
    """Where node finds the packages, beside them."""
    folder = pathlib.Path(os.environ["GATEHOUSE_NODE"]) / "clients"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder)
    return folder


@pytest.mark.parametrize("file", [file.name for file in FILES])
def test_supabase_js(client_fronts, folder, file):
    environment = {**os.environ, "GATEHOUSE_FRONTS": json.dumps(client_fronts)}
    done = subprocess.run(["node", "--test", "--test-reporter=spec", file], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, f"{file}:\n{done.stdout}"
    # A file that runs nothing passes as well.
    assert "ℹ tests 0" not in done.stdout, done.stdout
