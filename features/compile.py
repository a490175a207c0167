"""A declared feature group becomes SQL: declaration -> steps -> the text of one query, for either engine.

A row of a source counts for a person at snapshot T only if
  it happened before T                                  event_at < T
  this version of it was the newest one known at T      known_at <= T, and the next version is not known by T
  the identity graph of T ties it to that person        person_links.valid_from <= T < valid_to
The last two are one interval per row, [believed_from, believed_until): the life of the version, cut to the life of its
parent's version (for a row that names nobody itself, as a line of an order) and to the life of the link. So a column
filled in weeks later, a late delivery or a merge learnt later cannot reach an earlier snapshot.

Every entity is scanned once for all its measures and windows (FILTER), aggregated to person and snapshot, and only then
joined. The bounds of windows are columns of `snapshots`, so no engine's date arithmetic is involved.

A step is a named query. Its SQL is sqlglot's syntax tree, built once and written in the engine's dialect; only what dbt
alone knows is left as a call of a dbt macro (the versions of a staging model, the snapshots that a run computes, where
a table lies). `features.build` hands the text to dbt.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp, parse_one
from sqlglot.errors import ErrorLevel, SqlglotError

from contracts.errors import LakeError
from features.aggregations import Aggregation
from features.declarations import DURATION_UNITS, Declaration, DeclaredEntity, FeatureColumn, load_declarations
from features.errors import CatalogError

#: Dialect in which expressions are declared and steps are written; the engines' dialects are made from it.
DIALECT = "duckdb"
ENGINES = ("duckdb", "spark")
#: Later than every instant of the lake: the end of what holds until further notice.
END_OF_TIME = "9999-12-31T00:00:00+00:00"
_JINJA = ("{{", "{%", "{#")


@dataclass(frozen=True)
class MacroCall:
    """A query that dbt writes when it runs the model: the call of one of its macros."""

    jinja: str


@dataclass(frozen=True)
class Step:
    """One named query of a group. `reason` is a comment above it."""

    name: str
    query: exp.Query | MacroCall
    reason: str = ""


def compile_group(declaration: Declaration, engine: str = DIALECT) -> str:
    """The query of a feature group, with dbt's calls in it: one row per person and snapshot.

    Args:
        declaration: what the group declares.
        engine: one of ENGINES.

    Raises:
        CatalogError: an expression of the declaration is no SQL, or not for this engine.
    """
    return _text(steps(declaration), engine, declaration.place)


def steps(declaration: Declaration) -> list[Step]:
    """The queries of a group, each reading those before it. The last one, `final`, is the table."""
    return [
        Step("snapshots", _snapshots(declaration)),
        Step("links", _links()),
        *(step for entity in declaration.entities for step in _entity_steps(declaration, entity)),
        Step(
            "records",
            _records(declaration),
            "Once a source knows a person they have a row in every later snapshot, or Feast would serve a stale one.",
        ),
        Step("first_known", _select("person_record_id", "min(known_from) as known_from", of="records", group_by=1)),
        Step("persons", _persons()),
        Step("final", _final(declaration)),
    ]


def feature_expression(column: FeatureColumn, place: str) -> exp.Expression:
    """The aggregate of one feature over the rows in view, as it is selected.

    Raises:
        CatalogError: the measure's value or filter is no SQL.
    """
    measure, aggregation = column.measure, column.aggregation
    at = f"{place}, measure {measure.name!r}"
    rows: exp.Expression = exp.GTE(this=_column("event_at"), expression=_column(f"start_{column.window_days}d"))
    if measure.where:
        rows = exp.And(this=rows, expression=exp.Paren(this=declared_sql(measure.where, f"{at}, `where`")))
    value = declared_sql(measure.value, f"{at}, `value`") if measure.value else None
    aggregate: exp.Expression = exp.Filter(this=_aggregate(aggregation, value), expression=exp.Where(this=rows))
    return exp.cast(aggregate, "bigint", copy=False) if aggregation.is_whole_number else aggregate


def declared_sql(text: str, place: str) -> exp.Expression:
    """An expression as a declaration states it, parsed.

    Raises:
        CatalogError: it is no SQL expression; names the place and what the parser says.
    """
    try:
        parsed = _sql(text)
    except SqlglotError as error:
        reason = str(error).partition("\n")[0]
        raise CatalogError(f"{place}: {text!r} is no SQL: {reason}", cure="correct the declaration") from None
    if parsed.find(exp.Query, exp.AggFunc, exp.Window) or any(mark in text for mark in _JINJA):
        raise CatalogError(f"{place}: {text!r} is more than one row's columns say", cure="use the columns of the row")
    return parsed.copy()


def _entity_steps(declaration: Declaration, entity: DeclaredEntity) -> Iterator[Step]:
    """Every version of the entity's rows; whose each version was believed to be; the rows in view; the aggregates."""
    name = entity.name
    staging = f"stg_{declaration.contract.source}__{name}"
    yield Step(f"{name}_versions", MacroCall(f"staged_versions('{staging}', 'believed_versions')"))
    if entity.measures:
        yield Step(f"{name}_beliefs", _beliefs(entity))
        yield Step(f"{name}_in_view", _rows_in_view(entity))
        yield Step(f"{name}_measured", _measured(entity, f"{declaration.place}, entity {name!r}"))


def _snapshots(declaration: Declaration) -> MacroCall:
    entities = ", ".join(f"'{entity.name}'" for entity in declaration.entities)
    source = declaration.contract.source
    return MacroCall(f"feature_snapshots('{source}', [{entities}], {list(declaration.windows)})")


def _links() -> exp.Select:
    end_of_time = exp.cast(exp.Literal.string(END_OF_TIME), "timestamptz")
    valid_to = exp.func("coalesce", exp.column("valid_to"), end_of_time)
    table = exp.Table(this=exp.Var(this="{{ source('identity', 'person_links') }}"))
    return exp.select("person_record_id", "person_id", "valid_from", exp.alias_(valid_to, "valid_to")).from_(table)


def _beliefs(entity: DeclaredEntity) -> exp.Select:
    """Every version, the person it was believed to be about, and from when until when."""
    parent = entity.parent
    lives = ["versions", "parents"] if parent else ["versions"]
    begins = ", ".join([*(f"{life}.known_at" for life in lives), "links.valid_from"])
    ends = ", ".join([*(f"{life}.replaced_at" for life in lives), "links.valid_to"])
    columns = ["versions.*"]
    if parent:
        columns += [f"parents.{column} as parent_{column}" for column in parent.columns]
        if parent.pick:
            columns += ["parents.event_at as parent_event_at", "parents.record_id as parent_record_id"]
    columns += ["links.person_id", f"greatest({begins}) as believed_from", f"least({ends}) as believed_until"]
    query = _select(*columns, of=f"{entity.name}_versions as versions")
    if parent:
        same_key = f"versions.{parent.key} = parents.{parent.key}"
        query = _join(query, f"{parent.entity}_versions as parents", same_key)
    return _join(query, "links", f"{lives[-1]}.person_record_id = links.person_record_id")


def _rows_in_view(entity: DeclaredEntity) -> exp.Select:
    """The rows that a snapshot may count. Of several parents known at the snapshot, `pick` says which one counts."""
    columns: list[str | exp.Expression] = ["beliefs.*", "snapshots.event_timestamp"]
    columns += [f"snapshots.start_{window}d" for window in entity.windows]
    columns += [
        _duration(
            duration.name, since=f"beliefs.{duration.since}", until=f"beliefs.{duration.until}", unit=duration.unit
        )
        for duration in entity.durations
    ]
    if entity.parent and entity.parent.pick:
        direction = "desc" if entity.parent.pick == "latest" else "asc"
        columns.append(
            "row_number() over (partition by beliefs.record_id, snapshots.event_timestamp"
            f" order by beliefs.parent_event_at {direction}, beliefs.parent_record_id) as parent_rank"
        )
    columns.append(_duration("age_days", since="beliefs.event_at", until="snapshots.event_timestamp", unit="days"))
    in_view = (
        "beliefs.believed_from <= snapshots.event_timestamp and snapshots.event_timestamp < beliefs.believed_until"
        " and beliefs.event_at < snapshots.event_timestamp"
        f" and beliefs.event_at >= snapshots.start_{entity.windows[-1]}d"
    )
    return _join(_select(*columns, of=f"{entity.name}_beliefs as beliefs"), "snapshots", in_view)


def _measured(entity: DeclaredEntity, place: str) -> exp.Select:
    """One row per person and snapshot with every feature of the entity, in one scan."""
    features = [_named(feature_expression(column, place), column.name) for column in entity.features]
    query = _select("person_id", "event_timestamp", *features, of=f"{entity.name}_in_view", group_by=2)
    if entity.parent and entity.parent.pick:
        query = query.where("parent_rank = 1", dialect=DIALECT)
    if entity.where:
        query = query.where(exp.paren(declared_sql(entity.where, f"{place}, `where`")))
    return query


def _records(declaration: Declaration) -> exp.Query:
    """When each person record was first known: by the entities that name somebody themselves."""
    queries: list[exp.Query] = [
        _select("person_record_id", "greatest(event_at, known_at) as known_from", of=f"{entity.name}_versions")
        for entity in declaration.entities
        if entity.parent is None
    ]
    union = queries[0]
    for query in queries[1:]:
        union = exp.union(union, query, distinct=False)
    return union


def _persons() -> exp.Select:
    query = _select("links.person_id", "snapshots.event_timestamp", of="first_known").distinct()
    query = _join(query, "links", "first_known.person_record_id = links.person_record_id")
    return _join(
        query,
        "snapshots",
        "first_known.known_from <= snapshots.event_timestamp and links.valid_from <= snapshots.event_timestamp"
        " and snapshots.event_timestamp < links.valid_to",
    )


def _final(declaration: Declaration) -> exp.Select:
    """Every person of every snapshot, whether or not they have rows in a window."""
    columns: list[str | exp.Expression] = [
        "persons.person_id",
        "persons.event_timestamp",
        "persons.event_timestamp as created_timestamp",
    ]
    measured = [entity for entity in declaration.entities if entity.measures]
    for entity in measured:
        for feature in entity.features:
            column: exp.Expression = _column(feature.name, f"{entity.name}_measured")
            if feature.aggregation.is_zero_without_rows:
                column = _named(exp.Coalesce(this=column, expressions=[exp.Literal.number(0)]), feature.name)
            columns.append(column)
    query = _select(*columns, of="persons")
    for entity in measured:
        table = f"{entity.name}_measured"
        same = f"persons.person_id = {table}.person_id and persons.event_timestamp = {table}.event_timestamp"
        query = _join(query, table, same, kind="left")
    return query


def _aggregate(aggregation: Aggregation, value: exp.Expression | None) -> exp.Expression:
    """The aggregate function, with the measure's value in its place."""
    aggregate = _sql(aggregation.sql).copy()
    for placeholder in list(aggregate.find_all(exp.Placeholder)):
        placeholder.replace(value)
    return aggregate


def _duration(name: str, *, since: str, until: str, unit: str) -> exp.Expression:
    """A column with the time from one instant to another as a double; null where either is null."""
    microseconds = exp.Sub(
        this=exp.UnixMicros(this=_sql(until).copy()), expression=exp.UnixMicros(this=_sql(since).copy())
    )
    length = exp.Div(this=exp.Paren(this=microseconds), expression=exp.Literal.number(f"{DURATION_UNITS[unit]}.0e0"))
    return _named(length, name)


def _column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table=table)


def _named(expression: exp.Expression, name: str) -> exp.Expression:
    named: exp.Expression = exp.alias_(expression, name, copy=False)
    return named


def _select(*columns: str | exp.Expression, of: str, group_by: int = 0) -> exp.Select:
    """A select from one table, grouped by its first columns."""
    query = exp.select(*columns, dialect=DIALECT, copy=False).from_(of, dialect=DIALECT, copy=False)
    return query.group_by(*columns[:group_by], dialect=DIALECT, copy=False) if group_by else query


def _join(query: exp.Select, table: str, on: str, *, kind: str = "inner") -> exp.Select:
    return query.join(table, on=on, join_type=kind, dialect=DIALECT, copy=False)


@lru_cache(maxsize=1024)
def _sql(text: str) -> exp.Expression:
    """An expression, to be copied; never a statement, whatever word it begins with."""
    expression: exp.Expression = parse_one(text, read=DIALECT, into=exp.Condition)
    return expression


def _text(queries: list[Step], engine: str, place: str) -> str:
    """All steps as one statement in an engine's dialect."""
    parts = []
    for step in queries:
        reason = f"-- {step.reason}\n" if step.reason else ""
        parts.append(f"{reason}{step.name} AS (\n{_indented(_query_text(step, engine, place))}\n)")
    return "WITH " + ",\n\n".join(parts) + f"\n\nSELECT * FROM {queries[-1].name}\n"


def _query_text(step: Step, engine: str, place: str) -> str:
    if isinstance(step.query, MacroCall):
        return f"{{{{ {step.query.jinja} }}}}"
    try:
        for select in list(step.query.find_all(exp.Select)):
            # A line for each column: the printer would break a long one into five.
            select.set("expressions", [exp.Var(this=_engine_sql(column, engine)) for column in select.expressions])
        return _engine_sql(step.query, engine, pretty=True)
    except SqlglotError as error:
        raise CatalogError(
            f"{place}: {step.name} cannot be written for {engine}: {error}", cure="use SQL that both engines have"
        ) from None


def _engine_sql(expression: exp.Expression, engine: str, *, pretty: bool = False) -> str:
    text: str = expression.sql(dialect=engine, pretty=pretty, copy=False, unsupported_level=ErrorLevel.RAISE)
    return text


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())


def main() -> int:
    """`python -m features.compile GROUP [duckdb|spark]` prints the query of a declared group."""
    try:
        declarations = {declaration.name: declaration for declaration in load_declarations()}
        group, engine = (*sys.argv[1:3], DIALECT)[:2] if sys.argv[1:] else ("", DIALECT)
        if group not in declarations or engine not in ENGINES or len(sys.argv) > 3:
            print(f"usage: python -m features.compile GROUP [{'|'.join(ENGINES)}]", file=sys.stderr)
            print(f"groups: {', '.join(declarations)}", file=sys.stderr)
            return 2
        print(compile_group(declarations[group], engine), end="")
    except LakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
