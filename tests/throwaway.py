"""Clusters of its own for a test that crashes them or sets what the shared one must not have."""

import contextlib
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import tempfile

import psycopg


def as_server(*command, **options):
    if os.getuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done


def bin(name):
    return pathlib.Path(os.environ["GATEHOUSE_PG_BIN"]) / name


@contextlib.contextmanager
def place():
    """A folder of the server's, and a free port."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gatehouse-test-", dir="/var/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        yield folder, port
    finally:
        shutil.rmtree(folder)


class Cluster:
    def __init__(self, folder, port):
        self.folder, self.port = folder, port

    def uri(self, user="postgres", database="postgres"):
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, user="postgres", database="postgres", **options):
        return psycopg.connect(self.uri(user, database), autocommit=True, **options)

    def pg_ctl(self, *words):
        as_server(bin("pg_ctl"), "-D", self.folder / "data", "-w", *words)

    def start(self):
        self.pg_ctl("-l", self.folder / "log", "start")

    def stop(self, mode="fast"):
        """If it runs."""
        if (self.folder / "data/postmaster.pid").exists():
            self.pg_ctl("-m", mode, "stop")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")


def create_extension(cluster):
    with cluster.connect() as owner:
        owner.execute("create extension pg_gatehouse")
        owner.execute("select auth.rotate_signing_key()")
        # The tests try more often than people do.
        owner.execute("update auth.throttle_limit set attempts = null; delete from auth.throttle_delay")


def configure(data, port, *settings):
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("\n".join([
            f"port = {port}", "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "fsync = off", *settings, ""]))


@contextlib.contextmanager
def cluster(*settings, preload="pg_gatehouse", master_key=None, extension=True):
    """Running, with the extension in database postgres and a signing key; nobody needs a password."""
    with place() as (folder, port):
        key = folder / "master.key"
        key.write_text(master_key or secrets.token_hex(32))
        key.chmod(0o600)
        if os.getuid() == 0:
            shutil.chown(key, "postgres", "postgres")
        data = folder / "data"
        as_server(bin("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8")
        configure(data, port, f"shared_preload_libraries = '{preload}'", f"pg_gatehouse.master_key_file = '{key}'", *settings)
        made = Cluster(folder, port)
        try:
            made.start()
            if extension:
                create_extension(made)
            yield made
        finally:
            made.stop("immediate")


@contextlib.contextmanager
def standby(primary):
    """Running, and as far as the primary is now."""
    with place() as (folder, port):
        data = folder / "data"
        as_server(bin("pg_basebackup"), "-D", data, "-R", "-X", "stream", "-c", "fast", "-d", primary.uri())
        configure(data, port)
        made = Cluster(folder, port)
        try:
            made.start()
            yield made
        finally:
            made.stop("immediate")
