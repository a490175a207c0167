"""Suite files: `suites/<zone>/<…>/<table>.yaml` checks the table of that path, `_each.yaml` every table below it.

The whole language of the files is here. It is strict: an unknown key is an error, since a typing error would silently
delete a check. Files are found by path; there is no list of them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import LakeError
from expectations.check import Check, Severity
from expectations.personal_text import rows_with_personal_text
from lake.sql.text import literal, quoted

SUITES_ROOT = Path(__file__).parent / "suites"
EACH = "_each"


class SuiteFileError(LakeError):
    """A suite file cannot be used as written."""

    exit_code = 2


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Allowed(_Strict):
    column: str
    values: list[str | int | float | bool] = Field(min_length=1)


class _Between(_Strict):
    column: str
    minimum: float | None = None
    maximum: float | None = None


class _Equal(_Strict):
    """Two queries, each giving one number; the words say what is counted."""

    left: str
    right: str


class _KnownValues(_Strict):
    """Columns of another table whose values may not stand in this one."""

    of: str
    columns: list[str] = Field(min_length=1)


class _Stock(_Strict):
    type: str
    arguments: dict[str, Any] = {}


RULES = (
    "not_null", "unique", "allowed", "between", "rows", "where", "query", "equal", "windows_grow", "no_personal_text",
    "no_known_values", "great_expectations",
)  # fmt: skip


class CheckLine(_Strict):
    """One entry of `checks`: exactly one of the rules, and how to speak of it.

    Rules:
        not_null, unique: columns; those of `unique` together.
        allowed, between: a closed set, or inclusive bounds, of one column.
        rows: the table holds at least so many.
        where, query: an SQL condition that no row may meet; a query that may return no row. Tables are named in double
            quotes, this one too.
        equal: two queries that give the same number.
        windows_grow: aggregations whose windows may not shrink with their days (`_count_7d`, `_count_30d`).
        no_personal_text: text columns, or `all`, in which nothing looks like an identifier of a person.
        no_known_values: columns of another table whose values stand in no text column here, ids aside.
        great_expectations: a stock expectation by its type.

    `tolerated` is how many rows `where` and `query` may find; with `share`, which part of the table's rows.
    """

    name: str | None = None
    column: str | None = None
    severity: Severity = "block"
    expected: str | None = None
    cure: str | None = None
    tolerated: float = 0
    share: bool = False
    unit: str = "rows"
    not_null: list[str] | None = None
    unique: list[str] | None = None
    allowed: _Allowed | None = None
    between: _Between | None = None
    rows: int | None = None
    where: str | None = None
    query: str | None = None
    equal: _Equal | None = None
    windows_grow: list[str] | None = None
    no_known_values: _KnownValues | None = None
    no_personal_text: list[str] | Literal["all"] | None = None
    great_expectations: _Stock | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> "CheckLine":
        used_rules = [rule for rule in RULES if getattr(self, rule) is not None]
        if len(used_rules) != 1:
            raise ValueError(f"give exactly one rule of {', '.join(RULES)}; given: {', '.join(used_rules) or 'none'}")
        if used_rules[0] in ("where", "query", "equal", "great_expectations") and not (self.name and self.expected):
            raise ValueError(f"a `{used_rules[0]}` needs a `name` and `expected` in words")
        return self


class SuiteFile(_Strict):
    """A whole file. What the table is and who answers for it stands in the catalogue."""

    checks: list[CheckLine] = []


@lru_cache
def load_suite_file(path: Path) -> SuiteFile:
    """Read one file.

    Raises:
        SuiteFileError: it is not YAML or breaks the language; names the place and what was expected.
    """
    try:
        return SuiteFile(**(yaml.safe_load(path.read_text(encoding="utf-8")) or {}))
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise SuiteFileError(
            f"{path}: {error}", cure="correct the file; expectations/suite_files.py has its language"
        ) from None


def discover_suites(root: Path = SUITES_ROOT) -> list[str]:
    """Names of the tables that have a file of their own, sorted."""
    return sorted(str(path.relative_to(root).with_suffix("")) for path in root.rglob("*.yaml") if path.stem != EACH)


def files_for(table: str, root: Path = SUITES_ROOT) -> list[Path]:
    """The files that speak of a table, the most general first."""
    folders = [root.joinpath(*table.split("/")[:depth]) for depth in range(table.count("/") + 1)]
    paths = [folder / f"{EACH}.yaml" for folder in folders] + [root / f"{table}.yaml"]
    return [path for path in paths if path.exists()]


def suite(table: str, columns: Mapping[str, str], root: Path = SUITES_ROOT) -> list[Check]:
    """The checks that suite files ask of a table with `columns` (name: DuckDB type)."""
    return [
        check
        for path in files_for(table, root)
        for line in load_suite_file(path).checks
        for check in _checks(line, columns)
    ]


def _checks(line: CheckLine, columns: Mapping[str, str]) -> list[Check]:
    if line.not_null is not None:
        return [
            _check(
                line,
                name="is_never_empty",
                measure=_where(f"{quoted(c)} is null"),
                expected="a value in every row",
                column=c,
            )
            for c in line.not_null
        ]
    if line.unique is not None:
        key = ", ".join(quoted(column) for column in line.unique)
        measure = f"count(*) - count(distinct {key if len(line.unique) == 1 else f'({key})'})"
        column = line.unique[0] if len(line.unique) == 1 else None
        return [
            _check(
                line,
                name="is_unique",
                measure=measure,
                expected=f"one row for each {' and '.join(line.unique)}",
                column=column,
            )
        ]
    if line.allowed is not None:
        allowed_values = ", ".join(literal(value) for value in line.allowed.values)
        rule = f"one of: {', '.join(str(v) for v in line.allowed.values)}"
        broken = _where(f"{quoted(line.allowed.column)} not in ({allowed_values})")
        return [_check(line, name="is_a_known_value", measure=broken, expected=rule, column=line.allowed.column)]
    if line.between is not None:
        return [_between(line, line.between)]
    if line.rows is not None:
        least = f"at least {line.rows} row{'s' * (line.rows != 1)}"
        return [
            _check(
                line, name="has_rows", measure="count(*)", expected=least, column=None, minimum=line.rows, maximum=None
            )
        ]
    if line.where is not None:
        return [_tolerant(line, _where(line.where))]
    if line.query is not None:
        return [_tolerant(line, f"(select count(*) from ({line.query.rstrip().rstrip(';')}\n))")]
    if line.equal is not None:
        apart = f"abs(({line.equal.left}) - ({line.equal.right}))"
        return [
            replace(
                _check(line, name="", measure=apart, expected="", column=None),
                unit=f"{line.unit} apart",
                scope="balance",
            )
        ]
    if line.no_personal_text is not None:
        texts = [name for name, kind in columns.items() if "VARCHAR" in kind]
        wanted = texts if line.no_personal_text == "all" else line.no_personal_text
        rule = "no e-mail address, telephone or identity number"
        return [
            _check(line, name="holds_no_personal_text", measure=rows_with_personal_text(c), expected=rule, column=c)
            for c in wanted
        ]
    if line.windows_grow is not None:
        return [_window_grows(line, *pair) for pair in _windows(columns, line.windows_grow)]
    if line.no_known_values is not None:
        return _known_values(line, line.no_known_values, columns)
    stock = line.great_expectations or _Stock(type="")
    return [
        _check(
            line,
            name="",
            measure="",
            expected="",
            column=stock.arguments.get("column"),
            expectation=stock.type,
            arguments=stock.arguments,
        )
    ]


def _tolerant(line: CheckLine, rows: str) -> Check:
    if not line.share:
        return _check(line, name="", measure=rows, expected="", column=None, maximum=line.tolerated)
    percent = f"100.0 * ({rows}) / greatest(count(*), 1)"
    check = _check(line, name="", measure=percent, expected="", column=None, maximum=100 * line.tolerated)
    return replace(check, unit=f"% of {line.unit}")


def _windows(columns: Mapping[str, str], aggregations: list[str]) -> list[tuple[str, str]]:
    """Pairs of a feature over a window and over the next longer one, found by their names."""
    stems: dict[str, list[int]] = {}
    for column in columns:
        if parts := re.fullmatch(rf"(\w+_(?:{'|'.join(aggregations)}))_(\d+)d", column):
            stems.setdefault(parts.group(1), []).append(int(parts.group(2)))
    return [
        (f"{stem}_{short}d", f"{stem}_{long}d")
        for stem, days in sorted(stems.items())
        for short, long in pairwise(sorted(days))
    ]


def _window_grows(line: CheckLine, short: str, long: str) -> Check:
    return _check(
        line,
        name="grows_with_its_window",
        measure=_where(f"{quoted(short)} > {quoted(long)}"),
        expected=f"at most {long}",
        column=short,
    )


def _known_values(line: CheckLine, known: _KnownValues, columns: Mapping[str, str]) -> list[Check]:
    texts = [name for name, kind in columns.items() if "VARCHAR" in kind and not name.endswith("_id")]
    theirs = " union all ".join(f"select {quoted(column)} from {quoted(known.of)}" for column in known.columns)
    rule = f"no value of {', '.join(known.columns)} in {known.of}"
    name = "holds_no_value_of_a_person"
    return [
        _check(line, name=name, measure=_where(f"cast({quoted(c)} as varchar) in ({theirs})"), expected=rule, column=c)
        for c in texts
    ]


def _between(line: CheckLine, between: _Between) -> Check:
    name = quoted(between.column)
    parts = [] if between.minimum is None else [(f"{name} < {between.minimum}", f"at least {between.minimum:g}")]
    parts += [] if between.maximum is None else [(f"{name} > {between.maximum}", f"at most {between.maximum:g}")]
    broken = _where(" or ".join(condition for condition, _ in parts) or "false")
    return _check(
        line,
        name="is_in_range",
        measure=broken,
        expected=" and ".join(words for _, words in parts),
        column=between.column,
    )


def _check(line: CheckLine, *, name: str, measure: str, expected: str, column: str | None, **rule: Any) -> Check:
    return Check(
        name=line.name or name,
        measure=measure,
        expected=line.expected or expected,
        column=line.column or column,
        severity=line.severity,
        unit=line.unit,
        cure=line.cure or "find the model or step that wrote the table; its rows break what it declares",
        **rule,
    )


def _where(condition: str) -> str:
    return f"count(*) filter (where {condition})"
