"""The base of the frozen classes that carry data. It knows no more of pydantic than the names of its two hooks."""


class Model:
    """A class that pydantic and FastAPI take as the type of a field, a body or a result. They write it as `to_dict` does.

    pydantic is imported only when it calls these hooks.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: "type[Model]", handler: object) -> object:
        from bigcommerce_b2b_invoices.integrations.pydantic import core_schema_of  # noqa: PLC0415 - it imports pydantic

        return core_schema_of(source, handler)
