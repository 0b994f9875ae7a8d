"""The way to a real file host, over TLS on port 443 of a public address: in a network of its own that leads nowhere else."""

import asyncio
import os
import shlex
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import scripted_server
from scripted_server import ScriptedServer, envelope, raw

from bigcommerce_b2b_invoices import B2BClient, DownloadError

PDF = b"%PDF-1.4\n...\n%%EOF\n"
ADDRESS = "93.184.216.34"  # public, but here on the loopback device
LINK = f"https://{ADDRESS}/a%2Fb.pdf?X-Amz-Signature=%7e~"
NETWORK = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
UP = f"ip link set lo up && ip address add {ADDRESS}/32 dev lo"


def can_have_a_network() -> bool:
    """Whether this machine lets a test have a network of its own, and can make certificates."""
    try:
        for command in ([*NETWORK, UP], ["openssl", "version"]):
            subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


def make_certificate(folder: Path) -> None:
    subject = ["-subj", "/CN=test", "-addext", f"subjectAltName=IP:{ADDRESS}", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)


async def download(folder: Path, *, external: bool, status: int) -> str:
    """What comes of a download, and what the file's host saw of it: run in the network."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    api = ScriptedServer([envelope({"url": None if external else LINK, "externalPdfUrl": LINK if external else None})])
    host = ScriptedServer([raw(PDF, status, Location="http://127.0.0.1/")], host=ADDRESS, port=443, ssl=context)
    async with api, host, B2BClient(store_hash="abc123", auth_token="canary", base_url=api.base_url) as client:
        try:
            path = await client.invoices.download_pdf(9, folder / "x.pdf", external=external)
        except DownloadError as error:
            return f"{error} {[seen.target for seen in host.seen]}"
        return f"{path.read_bytes() == PDF} {[(seen.target, 'canary' in repr(seen)) for seen in host.seen]}"


STORED = "True [('/a%2Fb.pdf?X-Amz-Signature=%7e~', False)]"
CASES = [
    ("--own", 200, True, STORED),
    ("--external", 200, True, STORED),
    ("--external", 403, True, "answered HTTP 403 ['/a%2Fb.pdf?X-Amz-Signature=%7e~']"),  # asked for once: it does not expire
    ("--own", 307, True, "answered HTTP 307 ['/a%2Fb.pdf?X-Amz-Signature=%7e~']"),
    ("--own", 200, False, "CERTIFICATE_VERIFY_FAILED"),
]


@pytest.mark.skipif(not can_have_a_network(), reason="needs a network namespace of its own, and openssl")
@pytest.mark.parametrize(("kind", "status", "is_trusted", "outcome"), CASES)
def test_a_file_comes_over_verified_tls_from_a_public_address(
    tmp_path: Path, kind: str, status: int, outcome: str, *, is_trusted: bool
) -> None:
    make_certificate(tmp_path)
    program = shlex.join([sys.executable, __file__, str(tmp_path), kind, str(status)])
    trust = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")} if is_trusted else {}
    environment = {**os.environ, "PYTHONPATH": str(Path(scripted_server.__file__).parent), **trust}
    done = subprocess.run([*NETWORK, f"{UP} && exec {program}"], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert outcome in done.stdout
    assert (tmp_path / "x.pdf").exists() == (outcome == STORED)


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(download(Path(sys.argv[1]), external=sys.argv[2] == "--external", status=int(sys.argv[3]))))
