"""Extra fields of invoices, with the configs that describe them."""

from collections.abc import Mapping
from enum import IntEnum

import attrs

from bigcommerce_b2b_invoices.models import checks


class ExtraFieldType(IntEnum):
    """What an extra field holds. Source: GET /invoices/extra-fields."""

    TEXT = 0
    TEXT_AREA = 1
    NUMBER = 2
    DROPDOWN = 3


class ExtraFieldConfigType(IntEnum):
    """Who defined an extra field. Source: GET /invoices/extra-fields."""

    BUILT_IN = 1
    USER_DEFINED = 2


@attrs.frozen
class ExtraField:
    """One extra field's value on one invoice.

    Attributes:
        field_name: The config's `field_name`.
        field_value: The value as text; numbers too. None where the API has none.
        additional_properties: Keys that this class does not know, as they came.
    """

    field_name: str = attrs.field(validator=checks.filled)
    field_value: str | None = attrs.field(default=None, validator=attrs.validators.optional(checks.of_type(str)))
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, kw_only=True, hash=False)


@attrs.frozen(kw_only=True)
class ExtraFieldConfig:
    """How a store configured one extra field of its invoices. Source: GET /invoices/extra-fields.

    Attributes:
        field_type: 0 text, 1 text area, 2 number, 3 dropdown; a number outside stays an int.
        config_type: 1 built in, 2 user defined; a number outside stays an int.
        maximum_length: Most characters of a text, where the store set it.
        number_of_rows: Rows of a text area.
        maximum_value: Largest value of a number; the API sends it as text.
        list_of_value: The choices of a dropdown.
        additional_properties: Keys that this class does not know, as they came.
    """

    id: int
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
