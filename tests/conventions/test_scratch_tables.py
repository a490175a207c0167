"""Tables of a DuckDB connection are declared and made through `lake.sql.scratch` (ADR 28), nowhere by hand."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

#: Makes what computations declare.
HOME = "lake/sql/scratch.py"
#: Build worlds, sources and comparisons, outside the product.
BESIDE = {"infra", "benchmarks"}
BY_HAND = re.compile(r"\bcreate\s+(or\s+replace\s+)?(temp\s+|temporary\s+|\{\}\s*)?table\b", re.IGNORECASE)

Plant = Callable[[str, str], dict[str, list[Any]]]


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module that is no docstring; `{}` stands for what is filled in."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def made_by_hand(rooms: dict[str, list[Any]]) -> list[str]:
    return [
        f"{module.where}:{line}: {match[0]}"
        for room, modules in rooms.items()
        for module in modules
        if room not in BESIDE and module.where != HOME
        for line, text in texts(module.tree)
        for match in BY_HAND.finditer(text)
    ]


def test_no_table_of_a_connection_is_made_by_hand(rooms: dict[str, list[Any]]) -> None:
    offences = made_by_hand(rooms)
    assert not offences, "declare a ScratchTable and a Computation (lake/sql/scratch.py):\n" + "\n".join(offences)


@pytest.mark.parametrize(
    "text",
    [
        'con.execute("create table pairs as select 1")',
        'con.execute("CREATE OR REPLACE TEMP TABLE pairs (l bigint)")',
        'con.execute(f"create\\n    temporary table {name} as {query}")',
        'con.execute(f"create or replace {kind} table {name} as {query}")',
        'SQL = """\n    create table if not exists pairs (l bigint)"""',
    ],
)
def test_planted_table_made_by_hand_is_found(planted: Plant, text: str) -> None:
    assert len(made_by_hand(planted("persons/pairs.py", text + "\n"))) == 1


def test_docstring_and_view_are_no_offence(planted: Plant) -> None:
    text = '"""How to create table pairs."""\n\ncon.execute("create or replace view pairs as from people")\n'
    assert not made_by_hand(planted("persons/pairs.py", text))
