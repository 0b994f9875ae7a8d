"""Extra fields of invoices, with the configs that describe them."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import IntEnum, StrEnum

import attrs

from bigcommerce_b2b_invoices.models import checks, facts
from bigcommerce_b2b_invoices.models.model import Model


class ExtraFieldType(IntEnum):
    """The kind of value that an extra field holds. Source: GET /invoices/extra-fields."""

    TEXT = 0
    TEXT_AREA = 1
    NUMBER = 2
    DROPDOWN = 3


class ExtraFieldConfigType(IntEnum):
    """Who defined an extra field. Source: GET /invoices/extra-fields."""

    BUILT_IN = 1
    USER_DEFINED = 2


@attrs.frozen
class ExtraField(Model):
    """One extra field's value on one invoice.

    Attributes:
        field_name: The config's `field_name`.
        field_value: The value as text, also for a number. None if the API has no value.
        additional_properties: Everything that the other fields cannot hold, such as unknown keys, as the API sent it.
    """

    field_name: str = attrs.field(validator=checks.filled)
    field_value: str | None = attrs.field(default=None, validator=attrs.validators.optional(checks.of_type(str)))
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, kw_only=True, hash=False)


@attrs.frozen(kw_only=True)
class ExtraFieldConfig(Model):
    """How a store configured one extra field of its invoices. Source: GET /invoices/extra-fields.

    Attributes:
        field_type: 0 text, 1 text area, 2 number, 3 dropdown; any other number stays an int.
        config_type: 1 built in, 2 user defined; any other number stays an int.
        maximum_length: The most characters that a text may have; None if the store set no limit.
        number_of_rows: The number of rows of a text area.
        maximum_value: The largest allowed value of a number; the API sends it as text.
        list_of_value: The choices of a dropdown.
        additional_properties: Everything that the other fields cannot hold, such as unknown keys, as the API sent it.
    """

    id: int = attrs.field(metadata=facts.ID)
    uuid: str | None = None
    field_name: str | None = None
    field_type: ExtraFieldType | int | None = None
    is_required: bool | None = None
    is_unique: bool | None = None
    visible_to_enduser: bool | None = None
    config_type: ExtraFieldConfigType | int | None = None
    default_value: str | None = None
    maximum_length: str | None = None
    number_of_rows: str | None = None
    maximum_value: str | None = None
    list_of_value: tuple[str, ...] = ()
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False)


class ExtraFieldFault(StrEnum):
    """What can be wrong with an extra field."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    TOO_LONG = "too_long"
    NO_NUMBER = "no_number"
    ABOVE_MAXIMUM = "above_maximum"
    NOT_IN_LIST = "not_in_list"


@attrs.frozen
class ExtraFieldProblem(Model):
    """Why an extra field does not fit the store's configs.

    Attributes:
        problem: What is wrong, in a form that code can compare.
        message: What is wrong, in words. It says what the config allows, and does not contain the field's value.
    """

    field_name: str
    problem: ExtraFieldFault
    message: str


def problems(extra_fields: Iterable[ExtraField], configs: Iterable[ExtraFieldConfig]) -> tuple[ExtraFieldProblem, ...]:
    """The problems of one invoice's extra fields: first those of the fields that it has, then the missing fields."""
    known = {config.field_name: config for config in configs if config.field_name is not None}
    found: list[ExtraFieldProblem] = []
    filled: set[str] = set()
    for field in extra_fields:
        config = known.get(field.field_name)
        if config is None:
            message = "the store has no extra field of this name"
            found.append(ExtraFieldProblem(field.field_name, ExtraFieldFault.UNKNOWN, message))
        elif field.field_value:
            filled.add(field.field_name)
            found += (ExtraFieldProblem(field.field_name, *each) for each in _faults(field.field_value, config))
    for name, config in known.items():
        if config.is_required and name not in filled:
            found.append(ExtraFieldProblem(name, ExtraFieldFault.MISSING, "the field is required, and has no value"))
    return tuple(found)


def _faults(value: str, config: ExtraFieldConfig) -> Iterator[tuple[ExtraFieldFault, str]]:
    """The faults of a value, each with a message.

    A limit that the store did not set, or that is not a number, is ignored. A dropdown without choices allows no value.
    """
    match config.field_type:
        case ExtraFieldType.TEXT | ExtraFieldType.TEXT_AREA:
            most = _number(config.maximum_length)
            if most is not None and len(value) > most:
                yield ExtraFieldFault.TOO_LONG, f"{len(value)} characters, but at most {most} are allowed"
        case ExtraFieldType.NUMBER:
            number, most = _number(value), _number(config.maximum_value)
            if number is None:
                yield ExtraFieldFault.NO_NUMBER, "the value is not a number"
            elif most is not None and number > most:
                yield ExtraFieldFault.ABOVE_MAXIMUM, f"the value is above {most}"
        case ExtraFieldType.DROPDOWN if value not in config.list_of_value:
            yield (
                ExtraFieldFault.NOT_IN_LIST,
                f"the value is not one of: {', '.join(config.list_of_value) or '(the field has no choices)'}",
            )


def _number(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
