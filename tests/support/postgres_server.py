"""A real PostgreSQL server on a free port of loopback, for as long as a test needs it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from free_port import free_port

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
INITDB = shutil.which("initdb") or next((str(each / "initdb") for each in FOLDERS if (each / "initdb").exists()), None)


def missing() -> str | None:
    """Why no server can be started here, or None."""
    if INITDB is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'bigcommerce-b2b-invoices[postgres]')"
    return "there is no user but root to start PostgreSQL as" if _user() is None else None


def _user() -> str | None:
    """The user that may start the server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    return None


class PostgresServer:
    """Can be stopped and started again with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port: int = free_port()
        self._run("initdb", "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tester:pa55word@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop", check=False)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        assert INITDB is not None
        command = [str(Path(INITDB).with_name(program)), *arguments]
        user = _user() if os.geteuid() == 0 else None
        subprocess.run(command, check=check, user=user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def running(folder: Path) -> Iterator[PostgresServer]:
    if os.geteuid() == 0:
        user = pwd.getpwnam(_user() or "nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        for parent in folder.parents:  # the folders of pytest are root's alone
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(parent.stat().st_mode | 0o011)
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
