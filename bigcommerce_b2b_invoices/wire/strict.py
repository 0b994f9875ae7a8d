"""JSON that `to_json` wrote -> the object. A class that cannot keep what its fields cannot hold, such as a draft, is strict.

An unknown key or an unreadable value is then an error: otherwise a typing mistake in a stored draft would change what is sent.
Each object is made by its class, so every check of the class holds. Parts that the API also sends, such as `details`, are read as
always.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from bigcommerce_b2b_invoices.wire import values
from bigcommerce_b2b_invoices.wire.reader import keeps, make_reader, wire_name
from bigcommerce_b2b_invoices.wire.values import READERS, Read, Unreadable, no_object


def reader_back(cls: Any) -> Read:  # noqa: ANN401 - a class, or a generic class with its argument
    """The reader of JSON that we wrote, for a class such as `Invoice`, `InvoiceDraft` or `Page[Invoice]`.

    Raises:
        TypeError: An object of the class cannot be read back.
    """
    made_by = get_origin(cls) or cls
    if not isinstance(made_by, type) or not attrs.has(made_by) or issubclass(made_by, BaseException):
        raise TypeError(f"{getattr(made_by, '__name__', made_by)} cannot be read back")
    if keeps(made_by):
        return make_reader(made_by)
    given = dict(zip(getattr(made_by, "__parameters__", ()), get_args(cls), strict=False))
    fields = {field.name: _reader_of(field.type, made_by, given) for field in attrs.fields(made_by)}
    return _strict_reader(made_by, fields)


def _strict_reader(cls: type[Any], fields: Mapping[str, Read]) -> Read:
    keys = {wire_name(name): name for name in fields}
    needed = [wire_name(field.name) for field in attrs.fields(cls) if field.default is attrs.NOTHING]

    def read(value: object, _type: object = None) -> object:
        if type(value) is not dict:
            raise no_object(value)
        for key in [*value, *needed]:
            if key not in keys or key not in value:
                raise Unreadable("missing" if key in keys else "an unknown key").inside(f".{key}", cls.__name__)
        found = {}
        for key, raw in value.items():
            try:
                found[keys[key]] = fields[keys[key]](raw)
            except Unreadable as problem:
                raise problem.inside(f".{key}", cls.__name__)  # noqa: B904 - the same signal
        try:
            return cls(**found)
        except (TypeError, ValueError) as refused:
            text = str(refused)
        raise Unreadable(text).inside("", cls.__name__)

    return read


def _reader_of(annotation: Any, owner: type, given: Mapping[Any, Any]) -> Read:  # noqa: ANN401 - an annotation can be any object
    annotation = given.get(annotation, annotation)  # a parameter of a generic class
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        readers = [_reader_of(member, owner, given) for member in members if member is not NoneType]
        if len(readers) == 1 and NoneType in members:
            return _or_null(readers[0])
    elif origin is tuple:
        return values.list_reader(_reader_of(members[0], owner, given))
    elif origin is Literal:
        return _choice(dict(zip(members, members, strict=True)))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice({member.value: member for member in annotation})
    elif annotation in READERS and annotation is not object:
        return READERS[annotation]
    elif attrs.has(annotation):
        return reader_back(annotation)
    hint = f": name the class of its rows, such as {owner.__name__}[Invoice]" if isinstance(annotation, TypeVar) else ""
    raise TypeError(f"{owner.__name__} cannot be read back{hint}")


def _or_null(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _choice(members: dict[Any, Any]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if isinstance(value, str | int) and not isinstance(value, bool) and value in members:
            return members[value]
        raise Unreadable(f"expected one of {', '.join(map(str, members))}, got {values.kind(value)}")

    return read
