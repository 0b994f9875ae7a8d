"""Checks of the two filters that take several values, and of the form in which several values are sent."""

import attrs

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Parameters
from bigcommerce_b2b_invoices.cli.doctor.filters import Outcome, Probe, judge, values_probe
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, differs, ok, unknown
from bigcommerce_b2b_invoices.cli.doctor.lists import OLDEST

EXTERNAL_ID, CHANNEL_IDS = "externalId[]", "channelIds"


@attrs.frozen
class Asked:
    """One filter that takes several values, and what came back.

    Attributes:
        check: The parameter.
        probe: The request with the key repeated for each value; None if the store cannot show anything.
        answer: Its answer.
        joined: The answer to the same values with commas between them; None if it was not asked.
    """

    check: str
    probe: Probe | None
    answer: Answer | None = None
    joined: Answer | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What repeated keys showed; None if there were not two values to ask for."""
        if self.probe is None or self.answer is None or len(self.probe.wanted) < 2:
            return None
        return self.probe.outcome(self.answer)

    @property
    def takes_commas(self) -> bool:
        """Whether commas brought what repeated keys did not."""
        return self.probe is not None and self.joined is not None and self.probe.outcome(self.joined) == "all"


def external_id_probe(oldest: Answer) -> Probe | None:
    """Asks for the invoices of two external ids."""
    return values_probe(EXTERNAL_ID, lambda invoice: invoice.external_id, oldest, most=2)


def channel_probe(oldest: Answer) -> Probe | None:
    """Asks for the invoices of two channels. The library takes those without a channel as well."""
    return values_probe(CHANNEL_IDS, _channel, oldest, most=2, none_may_come=True)


def joined_parameters(asked: Asked) -> Parameters | None:
    """The same values with commas, with and without brackets; None if repeated keys left no question."""
    if asked.probe is None or asked.outcome in (None, "all"):
        return None
    values = ",".join(value for name, value in asked.probe.parameters if name == asked.check)
    return (*((name, values) for name in dict.fromkeys((asked.check, asked.check.removesuffix("[]")))), *OLDEST)


def array_filter(asked: Asked) -> Finding:
    """Whether a filter filters, however its values are sent."""
    if asked.takes_commas:
        return ok(asked.check, "only invoices that match come, if commas separate the values; see arrays")
    return judge(asked.check, asked.probe, asked.answer)


def arrays(*every: Asked) -> Finding:
    """Whether several values are sent as the server reads them: with the key repeated for each."""
    check = "arrays"
    if any(asked.takes_commas for asked in every):
        text = "the server wants commas between several values, and the library repeats the key: ask for one value at a time"
        return differs(check, text)
    if some := [asked.check for asked in every if asked.outcome == "some"]:
        text = f"of several values of {' and '.join(some)}, the server reads only a part: ask for one value at a time"
        return differs(check, text)
    if any(asked.outcome == "all" for asked in every):
        return ok(check, "the server reads a repeated key as several values")
    return unknown(check, "the oldest invoices do not have two external ids or two channels to ask for")


def _channel(invoice: Invoice) -> str | None:
    return None if invoice.channel_id is None else str(invoice.channel_id)
