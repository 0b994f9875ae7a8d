"""Requests and answers against the official OpenAPI files of payments and receipts (retrieved as they stand in `samples/openapi`).

What these files contradict themselves in is ignored: lists that must not be empty or must not repeat, texts that are null in the
examples, the legacy header, and an offset of 0 that `/receipts` forbids.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema

FILES = Path(__file__).parents[1] / "samples" / "openapi"
NULL_TOO = ("authCode", "rawTransaction")  # null in the files' own examples
IGNORED = ("minItems", "uniqueItems", "exclusiveMinimum", "example", "examples")


@cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Every operation by its method and path."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in sorted(FILES.glob("*.json")):
        for path, item in json.loads(file.read_text())["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    found[method.upper(), path] = operation
    return found


def operation_of(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """The template of a path, and its operation. A literal step beats a parameter."""
    matching = [
        (template, operation)
        for (verb, template), operation in operations().items()
        if verb == method and re.fullmatch(re.sub(r"\{[^}]+\}", "[0-9]+", template), path)
    ]
    assert matching, f"no operation: {method} {path}"
    return min(matching, key=lambda pair: pair[0].count("{"))


def check_request(method: str, path_and_query: str, body: Any) -> str:
    """Raise an AssertionError for a request that the file does not allow; return the template of its path."""
    parts = urlsplit(path_and_query)
    template, operation = operation_of(method, parts.path)
    known = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        spelled = name if name in known else f"{name}[]" if f"{name}[]" in known else name.removesuffix("[]")
        assert spelled in known, f"{template} has no parameter {name}"
        schema = known[spelled]["schema"]
        _validate(_typed(value, schema), schema.get("items", schema), f"{template} {name}")
    sent = operation.get("requestBody")
    assert (sent is None) == (body is None), f"{method} {template}"
    if sent is not None:
        _validate(body, sent["content"]["application/json"]["schema"], f"{method} {template}")
    return template


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Raise an AssertionError for an answer that the file does not show."""
    template, operation = operation_of(method, path)
    response = operation["responses"].get(str(status))
    assert response is not None, f"{method} {template} answers no {status}"
    _validate(body, response["content"]["application/json"]["schema"], f"{method} {template} {status}")


def _typed(value: str, schema: dict[str, Any]) -> Any:
    item = schema.get("items", schema)
    is_number = item.get("type") in ("number", "integer") or 0 in item.get("enum", ())
    return int(value) if is_number and value.lstrip("-").isdigit() else value


def _validate(value: Any, schema: dict[str, Any], where: str) -> None:
    try:
        jsonschema.Draft202012Validator(_relaxed(schema)).validate(value)
    except jsonschema.ValidationError as error:
        raise AssertionError(f"{where} at {error.json_path}: {error.message}") from None


def _relaxed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_relaxed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {
        **schema,
        **({"properties": _with_null(schema["properties"])} if isinstance(schema.get("properties"), dict) else {}),
    }
    relaxed = {key: _relaxed(value) for key, value in schema.items() if key not in IGNORED or key in ("example", "examples")}
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        relaxed["type"] = [schema["type"], "null"]
    return relaxed


def _with_null(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: {**each, "nullable": True} if name in NULL_TOO else each for name, each in properties.items()}
