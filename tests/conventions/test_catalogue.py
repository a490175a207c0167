"""Every table is declared once and written, its name stands in one place, and it has one owner and true readers."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.catalogue import tables, zones
from contracts.catalogue.declarations import DECLARATIONS, DESCRIBED_ZONES, DeclarationError, read_models, read_table
from contracts.catalogue.lookup import all_tables, find_table, is_declared
from features.catalogue import load_groups
from infra.document_tables import PAGE, page

#: Functions of `lake.writer` that write rows; the first argument is the table.
WRITES = {"append", "overwrite", "merge", "commit_files"}
#: Names by which rooms write tables that are derived: by contract (landing), or by model (dbt's materialization).
DERIVED = re.compile(r"(self\.)?entity\.(quarantine_)?table|target\.table")
LITERAL = re.compile(rf"({'|'.join(zones.ZONES)})/[a-z0-9_]+(/[a-z0-9_]+)?")
#: Where a table's name may stand: the catalogue, scripts that do without our code to be compared with it, and steps
#: that name tables as they were.
HOMES = ("contracts/catalogue/", "benchmarks/references/", "lake/layout/migrations.py")
NAMES = {value: name for name, value in vars(tables).items() if name.isupper()}


def named_tables() -> set[str]:
    """The tables that the code names: neither derived from a contract nor from a declaration of features."""
    derived = (zones.BRONZE, zones.QUARANTINE, zones.FEATURES)
    return {table.name for table in all_tables() if table.zone not in derived}


def written_tables(rooms: dict[str, list[Any]]) -> tuple[dict[str, set[str]], list[str]]:
    """Tables that the product's code writes by name -> the files that do, and calls whose table is not known."""
    written: dict[str, set[str]] = {}
    untold = []
    for module in product(rooms):
        for call in calls_of_the_writer(module.tree):
            table = ast.unparse(call.args[0]).removeprefix("tables.") if call.args else ""
            if table in vars(tables):
                written.setdefault(vars(tables)[table], set()).add(module.where)
            elif not DERIVED.fullmatch(table):
                untold.append(f"{module.where}:{call.lineno} writes {table or 'no table'}")
    return written, untold


def calls_of_the_writer(tree: ast.Module) -> Iterator[ast.Call]:
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "lake.writer"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in imported & WRITES or name in {f"writer.{function}" for function in WRITES}:
                yield node


def names_outside_the_catalogue(rooms: dict[str, list[Any]]) -> list[str]:
    """Text that is a table's name, or begins as one, outside its home. Prose may name tables."""
    return [
        f"{module.where}:{node.lineno} {ast.unparse(node)}"
        for room in rooms.values()
        for module in room
        if not module.where.startswith(HOMES)
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and LITERAL.fullmatch(node.value))
        or (isinstance(node, ast.JoinedStr) and LITERAL.match(f"{opening(node)}x"))
    ]


def opening(node: ast.JoinedStr) -> str:
    """The text with which a formatted string begins, as far as it says a zone."""
    first = node.values[0] if node.values else None
    text = str(first.value) if isinstance(first, ast.Constant) else ""
    return text if text.removesuffix("/") in zones.ZONES and text.endswith("/") else ""


def readers_of(rooms: dict[str, list[Any]], queries: Iterable[Path]) -> dict[str, set[str]]:
    """Table -> the rooms of the product that read it by its name, in Python or in dbt's SQL."""
    readers: dict[str, set[str]] = {name: set() for name in NAMES}
    for module in product(rooms):
        used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
        for table, constant in NAMES.items():
            if constant in used and not module.where.startswith(HOMES):
                readers[table].add(module.room)
    for query in queries:
        text = query.read_text(encoding="utf-8")
        for name in re.findall(r"(?:ref\(|source\('identity', )'([a-z_]+)'\)", text):
            for zone in DESCRIBED_ZONES:
                if f"{zone}/{name}" in readers:
                    readers[f"{zone}/{name}"].add("dbt_project")
    return readers


def product(rooms: dict[str, list[Any]]) -> list[Any]:
    return [m for room, modules in rooms.items() if room not in ("benchmarks", "infra") for m in modules]


def test_every_name_is_declared_and_every_declaration_has_a_name() -> None:
    undeclared, unnamed = sorted(set(NAMES) - named_tables()), sorted(named_tables() - set(NAMES))
    assert not unnamed, f"add a constant for {', '.join(unnamed)} to contracts/catalogue/tables.py"
    assert not undeclared, f"declare {', '.join(undeclared)} in contracts/catalogue/<zone>/ or in its model's yml"


def test_every_table_that_is_written_is_declared_and_every_declared_one_is_written(
    rooms: dict[str, list[Any]], models: list[Path]
) -> None:
    written, untold = written_tables(rooms)
    assert not untold, "name the table by contracts.catalogue.tables: " + "\n".join(untold)
    built = {f"{model.parent.name}/{model.stem}" for model in models} & named_tables()
    assert set(written) | built == named_tables()
    for name in named_tables():
        writers = written.get(name, set()) | ({f"dbt_project/models/{name}.sql"} if name in built else set())
        assert writers == {find_table(name).writer}, f"{name} is declared to be written by another file"


def test_planted_write_of_a_table_without_a_declaration_is_found(planted: Any) -> None:
    assert written_tables(planted("runs/a.py", "from lake.writer import append\nappend(SOME, rows)"))[1]
    assert written_tables(planted("runs/b.py", "from lake import writer\nwriter.merge('ops/a', rows, keys)"))[1]
    written, untold = written_tables(planted("runs/c.py", "from lake import writer\nwriter.append(RUNS, rows)"))
    assert (written, untold) == ({"ops/runs": {"runs/c.py"}}, [])


def test_names_of_tables_stand_in_the_catalogue_only(rooms: dict[str, list[Any]]) -> None:
    offences = names_outside_the_catalogue(rooms)
    assert not offences, "take the name from contracts.catalogue.tables:\n" + "\n".join(offences)


def test_planted_name_of_a_table_is_found(planted: Any) -> None:
    assert names_outside_the_catalogue(planted("cli/a.py", "TABLE = 'marts/person_profile'"))
    assert names_outside_the_catalogue(planted("cli/b.py", "name = f'bronze/{source}/{entity}'"))
    assert not names_outside_the_catalogue(planted("cli/c.py", "'''See marts/person_profile.'''\nx = 'marts'"))


def test_declared_readers_are_those_that_read(rooms: dict[str, list[Any]], root: Path) -> None:
    queries = [path for kind in ("models", "macros") for path in (root / "dbt_project" / kind).rglob("*.sql")]
    wrong = []
    for name, rooms_that_read in readers_of(rooms, queries).items():
        table = find_table(name)
        writer = table.writer.partition("/")[0]
        if set(table.read_by) - {writer} != rooms_that_read - {writer}:
            wrong.append(f"{table.declared_in}: {name} should have read_by: {sorted(rooms_that_read)}")
    assert not wrong, "\n".join(wrong)


def test_every_table_has_a_grain_an_owner_and_described_columns() -> None:
    for table in all_tables():
        assert table.grain.startswith("One row per "), table.name
        assert re.fullmatch(r"[a-z-]+", table.owner), table.name
        assert re.fullmatch(r"unlimited|as its inputs|\d+ (days|runs)", table.retention), table.name
        assert all(column.meaning for column in table.columns), table.name
        assert len({column.name for column in table.columns}) == len(table.columns), table.name


def test_open_tables_declare_no_direct_identifier() -> None:
    direct = [
        f"{table.name}.{column.name}"
        for table in all_tables()
        if not table.is_restricted and table.zone != zones.OPS
        for column in table.columns
        if column.classification == "pii_direct"
    ]
    assert not direct, "\n".join(direct)


def test_page_of_tables_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: .venv/bin/python -m infra.document_tables"


def test_feature_tables_are_declared_by_their_groups() -> None:
    assert all(is_declared(group.table) for group in load_groups())


def test_nothing_else_says_who_owns_a_table(root: Path) -> None:
    """The catalogue says it; a suite would say it again."""
    suites = [path for path in (root / "expectations" / "suites").rglob("*.yaml") if "owner" in _keys(path)]
    assert not suites


def _keys(path: Path) -> set[str]:
    return set(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("retention:", "retetnion:"), "not 'retetnion'"),
        (lambda text: text.replace("meaning:", "meening:", 1), "not 'meening'"),
        (lambda text: text.replace("type: bigint", "type: number"), "a type that there is"),
        (lambda text: text.replace("One row per", "A row for"), "a grain"),
        (lambda text: text + text.splitlines()[-1], "each column once"),
    ],
)
def test_declaration_with_a_mistake_is_rejected(change: Callable[[str], str], expected: str, tmp_path: Path) -> None:
    text = (DECLARATIONS / f"{tables.LAKE_LAYOUT}.yaml").read_text(encoding="utf-8")
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "layout.yaml").write_text(change(text), encoding="utf-8")
    with pytest.raises(DeclarationError, match=expected):
        read_table(tables.LAKE_LAYOUT, tmp_path)


def test_model_without_readers_or_with_an_owner_of_its_own_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "marts").mkdir()
    (tmp_path / "_groups.yml").write_text("groups: [{name: marts, owner: {name: a-team}}]")
    column = "columns: [{name: a, data_type: string, description: A.}]"
    for meta, expected in (
        ("{retention: unlimited}", "the key `read_by`"),
        ("{retention: unlimited, read_by: [], owner: another-team}", "not 'owner'"),
    ):
        model = f"- {{name: one, description: One row per one., config: {{meta: {meta}}}, {column}}}"
        (tmp_path / "marts" / "_marts__models.yml").write_text(f"models:\n{model}")
        with pytest.raises(DeclarationError, match=expected):
            read_models("marts", tmp_path)
