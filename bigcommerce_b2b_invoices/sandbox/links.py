"""Signed links to files. Anyone who has a link can fetch its file for five minutes, if the link is unchanged in every byte.

The links look like those of the file host behind `download-pdf`. A careless client that re-encodes the query breaks the link.
"""

import calendar
import hmac
import time
from urllib.parse import parse_qs

LIFETIME = 300  # seconds
_MARK = "&X-Amz-Signature="


class Signer:
    """Signs paths, and recognises its own signatures."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, path: str, now: float) -> str:
        """The path with a signed query, valid for `LIFETIME` seconds from `now`."""
        moment = time.gmtime(now)
        unsigned = (
            f"{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Credential=AKIASANDBOX%2F{time.strftime('%Y%m%d', moment)}%2Fus-west-2%2Fs3%2Faws4_request"
            f"&X-Amz-Date={time.strftime('%Y%m%dT%H%M%SZ', moment)}&X-Amz-Expires={LIFETIME}&X-Amz-SignedHeaders=host"
        )
        return f"{unsigned}{_MARK}{self._signature(unsigned)}"

    def is_valid(self, raw_path: str, now: float) -> bool:
        """Whether this signer signed this path and query, as they came over the wire, and the signature is still valid."""
        unsigned, _, signature = raw_path.partition(_MARK)
        if not hmac.compare_digest(signature.encode(), self._signature(unsigned).encode()):
            return False
        date = parse_qs(unsigned.partition("?")[2])["X-Amz-Date"][0]
        signed_at = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
        return now < signed_at + LIFETIME

    def _signature(self, unsigned: str) -> str:
        return hmac.new(self._secret, unsigned.encode(), "sha256").hexdigest()
