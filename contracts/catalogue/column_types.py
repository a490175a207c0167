"""The types of columns in the words of the catalogue, which are dbt's and Spark's too, and what Arrow calls them."""

import re
from functools import lru_cache

import pyarrow as pa

from contracts.logical_types import ARROW_TYPES

#: The logical types of a contract in the words of the catalogue.
OF_LOGICAL_TYPE = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
}
_SIMPLE = {word: ARROW_TYPES[logical_type] for logical_type, word in OF_LOGICAL_TYPE.items()}
_NESTED = re.compile(r"(array|struct)<(.*)>")


@lru_cache
def arrow_type(word: str) -> pa.DataType:
    """The Arrow type of a word: `bigint`, `array<string>`, `array<struct<kind:string,value:string>>`.

    Raises:
        ValueError: the word is no type of the catalogue.
    """
    text = word.replace(" ", "")
    if text in _SIMPLE:
        return _SIMPLE[text]
    nested = _NESTED.fullmatch(text)
    if nested is None:
        raise ValueError(f"{word!r} is no type; use {', '.join(_SIMPLE)}, array<type> or struct<name:type,…>")
    kind, inner = nested.groups()
    if kind == "array":
        return pa.list_(arrow_type(inner))
    fields = (part.partition(":") for part in _parts(inner))
    return pa.struct([pa.field(name, arrow_type(type_word)) for name, _, type_word in fields])


def type_word(given: pa.DataType) -> str:
    """The word for an Arrow type, whatever Arrow calls the same thing: every kind of text is `string`. A type that the
    catalogue has no word for keeps Arrow's."""
    if pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given):
        return "string"
    if pa.types.is_list(given) or pa.types.is_large_list(given) or pa.types.is_list_view(given):
        return f"array<{type_word(given.value_type)}>"
    if pa.types.is_struct(given):
        return f"struct<{','.join(f'{field.name}:{type_word(field.type)}' for field in given)}>"
    return next((word for word, simple in _SIMPLE.items() if simple.equals(given)), str(given))


def _parts(text: str) -> list[str]:
    """The fields of a struct: its text split at the commas that are in no inner brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
