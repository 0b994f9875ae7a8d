"""The models as types of pydantic v2, and so of FastAPI: read as `from_dict` does, written as `to_dict` does.

pydantic itself checks nothing. It calls `from_dict` and `to_dict`, and learns the fields only for the JSON schema.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from inspect import getdoc
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bigcommerce_b2b_invoices import DecodeError, from_dict, to_dict
from bigcommerce_b2b_invoices.models.facts import Form, facts_of
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.wire.reader import KEPT, wire_name


def core_schema_of(source: type[Model], handler: Any) -> CoreSchema:  # noqa: ANN401 - pydantic's, which need not be installed
    """The core schema of a model, such as `Invoice` or `Page[Invoice]`."""
    cls = get_origin(source) or source
    shape = _shape(cls, dict(zip(getattr(cls, "__parameters__", ()), get_args(source), strict=False)), handler)
    described = {"title": cls.__name__, "description": (getdoc(cls) or "").split("\n\n")[0]}

    def read(value: object) -> object:
        return value if isinstance(value, cls) else _read(source, value)

    def json_schema(_schema: CoreSchema, write: Callable[[CoreSchema], dict[str, Any]]) -> dict[str, object]:
        written = write(shape)
        for field in written.get("properties", {}).values():
            field.pop("title", None)  # pydantic makes "Firstname" of firstName
        return {**written, **described}

    read.__name__ = cls.__name__  # pydantic shows it in its errors
    return core_schema.no_info_plain_validator_function(
        read,
        ref=f"{_name(cls)}[{','.join(map(_name, get_args(source)))}]" if get_args(source) else _name(cls),
        json_schema_input_schema=shape,
        serialization=core_schema.plain_serializer_function_ser_schema(to_dict),
        metadata={"pydantic_js_functions": [json_schema]},
    )


def _read(source: type[Model], value: object) -> object:
    if not isinstance(value, Mapping):
        raise PydanticCustomError("model_type", "expected an object")
    try:
        return from_dict(source, value)
    except DecodeError as error:
        problem = {"problem": str(error), "path": error.path or ""}
    raise PydanticCustomError("decode_error", "{problem}", problem)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _shape(cls: Any, given: Mapping[Any, Any], handler: Any) -> CoreSchema:  # noqa: ANN401 - attrs takes any class
    fields = {field.name: field for field in attrs.fields(cls)}
    keeps = fields.pop(KEPT, None) is not None
    return core_schema.typed_dict_schema(
        {
            wire_name(name): core_schema.typed_dict_field(
                _type(given.get(field.type, field.type), given, handler, facts_of(field).form),
                required=field.default is attrs.NOTHING,
            )
            for name, field in fields.items()
        },
        extra_behavior="allow" if keeps else "forbid",
    )


FORMS: Mapping[Form, Callable[[], CoreSchema]] = {  # fields with a form of their own on the wire
    Form.TEXT: core_schema.str_schema,
    Form.ZERO_OR_ONE: partial(core_schema.literal_schema, [0, 1]),
    Form.WHOLE_SECONDS: core_schema.int_schema,
}
PLAIN: Mapping[object, Callable[[], CoreSchema]] = {
    str: core_schema.str_schema,
    int: core_schema.int_schema,
    bool: core_schema.bool_schema,
    datetime: core_schema.int_schema,  # epoch seconds
    Decimal: partial(core_schema.str_schema, pattern=r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"),
}


def _type(annotation: Any, given: Mapping[Any, Any], handler: Any, form: Form | None = None) -> CoreSchema:  # noqa: ANN401 - an annotation can be any object
    members = [given.get(member, member) for member in get_args(annotation)]
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        some = [member for member in members if member is not NoneType]
        one = core_schema.int_schema() if len(some) > 1 else _type(some[0], given, handler, form)  # an enum, or another number
        return core_schema.nullable_schema(one) if NoneType in members else one
    if form is not None and form in FORMS:
        return FORMS[form]()
    if origin is tuple:
        return core_schema.list_schema(_type(members[0], given, handler))
    if origin is Literal:
        return core_schema.literal_schema(members)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return core_schema.literal_schema([member.value for member in annotation])
    if isinstance(annotation, type) and issubclass(annotation, Model):
        nested: CoreSchema = handler.generate_schema(annotation)
        return nested
    make = PLAIN.get(annotation)
    return core_schema.any_schema() if make is None else make()
