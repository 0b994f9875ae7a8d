"""Facts about a field that its type does not express. They stand beside the field, in `attrs.field(metadata=...)`.

The reader and the writer in `wire` are built from the fields and these facts, so neither needs a table of names.
"""

from enum import Enum

import attrs

FACTS = "bigcommerce_b2b_invoices"  # the key of the facts in a field's metadata


class Form(Enum):
    """The form in which a field is written, if it is not the usual form of the field's type."""

    TEXT = "a number as text"
    ZERO_OR_ONE = "a truth value as 0 or 1"
    MONEY_AS_NUMBER = "an amount of money whose value is a JSON number"
    WHOLE_SECONDS = "a time in whole epoch seconds"


@attrs.frozen(kw_only=True)
class Facts:
    """How one field is read and written.

    Attributes:
        is_id: The field is an id. Only a JSON number is a readable id, and a row without a readable id cannot be read.
        essential: If this field cannot be read, the whole row cannot be read.
        repeated: The field holds the same few texts again and again, so each text is kept in memory only once.
        as_it_came: A time that the API did not send as a number is written back as the API sent it, unless the time was changed.
        form: The form in which the field is written; None: the usual form of its type.
    """

    is_id: bool = False
    essential: bool = False
    repeated: bool = False
    as_it_came: bool = False
    form: Form | None = None


NO_FACTS = Facts()
ID = {FACTS: Facts(is_id=True, essential=True)}
ESSENTIAL = {FACTS: Facts(essential=True)}
REPEATED = {FACTS: Facts(repeated=True)}
AS_IT_CAME = {FACTS: Facts(as_it_came=True)}


def written_as(form: Form) -> dict[str, Facts]:
    """The metadata of a field that is written in this form."""
    return {FACTS: Facts(form=form)}


def facts_of(field: "attrs.Attribute[object]") -> Facts:
    """The facts about a field."""
    facts: Facts = field.metadata.get(FACTS, NO_FACTS)
    return facts
