"""The command `doctor`."""

import sys

from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.doctor.asking import asker
from bigcommerce_b2b_invoices.cli.doctor.examine import examine
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import printable, say
from bigcommerce_b2b_invoices.cli.verdict import BAD_FINDING, FAILED

_SIGNS = {"ok": "ok", "differs": "DIFFERS", "unknown": "unknown"}


async def run_doctor(*, output: Output = PLAIN, settings: Settings = FROM_ENVIRONMENT) -> int:
    """Check whether a store behaves as this library assumes. The command only reads, with 12 requests at most.

    It checks the connection, the credentials, the clock and the quota. Then it checks limit, count, sort, order and offset of a
    list, each filter, the form in which several values are sent, and the keys and types of the invoices. Each line names a check,
    its verdict, and what follows from it. The verdict is "ok", "differs", or "unknown" if the store's invoices do not show it.
    The output holds no token and no customer data, so you can attach it to a report.

    The command exits with 4 if something differs, and with 1 if nothing differs but no list of invoices came.

    For example:

        b2b-invoices doctor

        b2b-invoices doctor --json > doctor.jsonl

        b2b-invoices doctor --sandbox

    Args:
        output: What to print; the JSON has check, verdict and text.
        settings: Where to connect.
    """
    async with connect(settings) as connection, asker(connection, proxy=settings.proxy) as ask:
        findings = await examine(ask, requests=connection.client.rate_limiter.requests)
        requests, token = ask.requests, connection.auth_token
    for finding in findings:
        _print(finding, finding.text.replace(token, "***"), json=output.json)
    verdicts = [finding.verdict for finding in findings]
    say(
        f"{verdicts.count('ok')} ok, {verdicts.count('differs')} differ, {verdicts.count('unknown')} unknown; "
        f"{requests} request{'' if requests == 1 else 's'} sent"
    )
    if "differs" in verdicts:
        return BAD_FINDING
    return 0 if all(finding.verdict == "ok" for finding in findings if finding.check in ("connection", "credentials")) else FAILED


def _print(finding: Finding, text: str, *, json: bool) -> None:
    if json:
        print_record({"check": finding.check, "verdict": finding.verdict, "text": text})
    elif sys.stdout.isatty():
        sys.stdout.write(f"{_SIGNS[finding.verdict]:<8}{finding.check:<21} {printable(text)}\n")
    else:
        show.print_line((finding.check, finding.verdict, text))
