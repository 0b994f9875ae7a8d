"""Certificates for servers on loopback that no client should trust: made for these tests, and worth nothing elsewhere."""

import ssl
import tempfile
from pathlib import Path

KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYqlS1r0+Tk+fKkMG
wvXjbuv/kZnsSVNla4q2c7jHRiOhRANCAASZhvW33AHHHIDT73DxcOgoCh193BA/
S4fdbl+Y9autkq3wZtG99CycEuKC+dxALilbrUtEuxAGwf3o2I2/ZDA1
-----END PRIVATE KEY-----
"""
SELF_SIGNED = """\
-----BEGIN CERTIFICATE-----
MIIBhjCCASygAwIBAgIUG/+niKst1M+wT6NoXtVrajFSRkgwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQxMzU5NTBaGA8yMTI2MTAzMTEzNTk1
MFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJmG
9bfcAcccgNPvcPFw6CgKHX3cED9Lh91uX5j1q62SrfBm0b30LJwS4oL53EAuKVut
S0S7EAbB/ejYjb9kMDWjZDBiMB0GA1UdDgQWBBScujldUoI7jnevN0zIhRgklK+E
+DAfBgNVHSMEGDAWgBScujldUoI7jnevN0zIhRgklK+E+DAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYIKoZIzj0EAwIDSAAwRQIhAKeXCQ8td2R6
WaCopAVVmIXK1AkTt58a9/cE5GCRI3/vAiAZfHoPqvEQmKDuf18dfYgmJugro5rg
2NhROqVFcbOCYQ==
-----END CERTIFICATE-----
"""
OF_ANOTHER_HOST = """\
-----BEGIN CERTIFICATE-----
MIIBhjCCASygAwIBAgIUA5EshdMovFf59NfwzdAIrob0h8MwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQxMzU5NTBaGA8yMTI2MTAzMTEzNTk1
MFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJmG
9bfcAcccgNPvcPFw6CgKHX3cED9Lh91uX5j1q62SrfBm0b30LJwS4oL53EAuKVut
S0S7EAbB/ejYjb9kMDWjZDBiMB0GA1UdDgQWBBScujldUoI7jnevN0zIhRgklK+E
+DAfBgNVHSMEGDAWgBScujldUoI7jnevN0zIhRgklK+E+DAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBMAAAgEwCgYIKoZIzj0EAwIDSAAwRQIhAOKtTtomIle5
M5z4KQi5aMudYba9C0JvP28cIiWqeb6uAiAzZgGrbfJJzzcREDblEzoCRImvIC5q
V/POyJT35M2hxA==
-----END CERTIFICATE-----
"""
EXPIRED = """\
-----BEGIN CERTIFICATE-----
MIIBUTCB+KADAgECAhQOVry1Ifm1Uep0dj7VL7ac0FduBjAKBggqhkjOPQQDAjAP
MQ0wCwYDVQQDDAR0ZXN0MB4XDTI2MTEyNDE0MDEzNloXDTI2MTEyMzE0MDEzNlow
DzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJmG9bfc
AcccgNPvcPFw6CgKHX3cED9Lh91uX5j1q62SrfBm0b30LJwS4oL53EAuKVutS0S7
EAbB/ejYjb9kMDWjMjAwMA8GA1UdEQQIMAaHBH8AAAEwHQYDVR0OBBYEFJy6OV1S
gjuOd683TMiFGCSUr4T4MAoGCCqGSM49BAMCA0gAMEUCIQCOHrXeo5UK9u7kynca
EA2kTSIqmx722zRfjAEnsxUgVgIgbbfh3n93+KWmUiSLIcXWWqxaDfKNucMhyYmJ
UMbbu6o=
-----END CERTIFICATE-----
"""


def server_context(certificate: str) -> ssl.SSLContext:
    """For a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(KEY + certificate)
        file.flush()
        context.load_cert_chain(Path(file.name))
    return context


def trusting(certificate: str) -> ssl.SSLContext:
    """For a client that trusts this one certificate, and checks the rest."""
    return ssl.create_default_context(cadata=certificate)
