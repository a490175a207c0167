"""The pipeline's work written by hand: one DuckDB connection over Parquet files, what an analyst would write.

It reads the same drops and databases, types them, rejects what breaks the contract, drops exact duplicates, takes the
latest version of every key, ties records to persons by shared keys, and computes the same features at the same
moments. What it leaves out is what the lake is for: exactly-once, versions and history of the identity graph, drift,
reasons of rejection, checks, lineage, an incremental second run. It keeps no personal data apart.

`python -m benchmarks.references.by_hand SOURCES OUTPUT` prints seconds per step, rows and peak memory as JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from benchmarks.machine import ROOT
from contracts.contract_file import Column, Contract, Entity, load_contracts
from lake.sql.types import duckdb_type

#: A value that more records share than this is nobody's own (a call centre's phone, a family's e-mail).
SHARED_BY_TOO_MANY = 20
SNAPSHOT_DAYS = 30
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


class ByHand:
    """The script's steps, in order; each reads what the one before has written."""

    def __init__(self, sources: Path, *, output: Path, threads: int, memory_limit: str) -> None:
        self.sources, self.output = sources, output
        self.now = datetime.fromisoformat(json.loads((sources / "clock.json").read_text())["now"]).astimezone(UTC)
        self.sql = duckdb.connect()
        for name, value in {"threads": threads, "memory_limit": memory_limit, "TimeZone": "UTC",
                            "temp_directory": output / "tmp", "preserve_insertion_order": "false"}.items():  # fmt: skip
            self.sql.execute(f"set {name} = '{value}'")
        self.groups = dict(_feature_groups())
        self.parents = {
            (group["source"], name): declared["parent"]
            for group in self.groups.values()
            for name, declared in group["entities"].items()
            if "parent" in declared
        }
        self.landed: dict[tuple[str, str], Entity] = {}
        self.rows = 0
        self.features = 0

    def read(self) -> None:
        """Only decompress and parse every value of the inputs: what no landing can be faster than."""
        for contract in load_contracts():
            for entity in contract.entities.values():
                raw = self._raw(contract, entity)
                if raw is not None:
                    self.sql.execute(f"select {', '.join(f'count({c.name})' for c in entity.columns)} from {raw}")

    def land(self) -> None:
        """Every entity: read as text, type, split by the contract, drop exact duplicates, write Parquet."""
        for contract in load_contracts():
            for entity in contract.entities.values():
                raw = self._raw(contract, entity)
                if raw is None:
                    continue
                typed = ", ".join(f"{_cast(c)} as {c.name}" for c in entity.columns)
                fits = " and ".join(f"(r.{c.name} is null or {_cast(c)} is not null)" for c in entity.columns)
                valid = " and ".join(["fits", *(f"({rule})" for c in entity.columns for rule in self._rules(c))])
                names = ", ".join(c.name for c in entity.columns)
                key = ", ".join(entity.primary_key)
                for folder, condition in (("bronze", f"({valid})"), ("quarantine", f"({valid}) is not true")):
                    self._write(f"{folder}/{entity.source}__{entity.name}", f"""
                        select
                            *, concat_ws(':', '{entity.source}', '{entity.name}', {key}) as record_id,
                            {entity.known_at or "now()"} as known_at, now() as landed_at
                        from (
                            select distinct {names} from (select {typed}, {fits} as fits from {raw} as r)
                            where {condition}
                        )""")  # fmt: skip
                count = self.sql.execute(f"select count(*) from '{self._path('bronze', entity)}'").fetchone()
                self.rows += count[0] if count else 0
                self.landed[contract.source, entity.name] = entity

    def stage(self) -> None:
        """Latest version of every key, and one row per distinct view that a source has of somebody."""
        views = []
        for (source, name), entity in self.landed.items():
            identity = _identity(entity)
            who = f"md5(concat_ws('|', {', '.join(_named(identity))}))" if identity else "null"
            some = f"coalesce({', '.join(f'{c.name}::varchar' for c in identity)}) is not null" if identity else "false"
            self._write(f"staging/{source}__{name}", f"""
                select * exclude (version_rank), case when {some} then '{source}:' || {who} end as person_record_id
                from (
                    select *, row_number() over (partition by record_id order by known_at desc) as version_rank
                    from '{self._path("bronze", entity)}'
                )
                where version_rank = 1""")  # fmt: skip
            if identity:
                keys = ", ".join(
                    f"struct_pack(kind := '{c.identifier_kind}', value := lower(trim({c.name}::varchar)))"
                    for c in identity if c.identifier_kind
                )  # fmt: skip
                views.append(f"select person_record_id, unnest([{keys}]) as key from '{self._path('staging', entity)}'")
        self._write("person_records", f"""
            select distinct person_record_id, key.kind || ':' || key.value as key from ({" union all ".join(views)})
            where person_record_id is not null and key.value is not null""")  # fmt: skip

    def identify(self) -> None:
        """Connected components over shared keys, by handing on the smallest number until nothing changes."""
        records = self._path("person_records")
        self.sql.execute(f"""
            create temp table edges as
            select person_record_id, dense_rank() over (order by person_record_id) as node,
                dense_rank() over (order by key) as value
            from '{records}' where key in (
                select key from '{records}' group by key having count(*) <= {SHARED_BY_TOO_MANY}
            )""")  # fmt: skip
        self.sql.execute("create temp table labels as select distinct node, node as label from edges")
        while True:
            self.sql.execute("""
                create or replace temp table next_labels as
                with by_value as (
                    select e.value, min(l.label) as label
                    from edges as e inner join labels as l on e.node = l.node group by e.value
                )
                select e.node, min(v.label) as label
                from edges as e inner join by_value as v on e.value = v.value group by e.node""")  # fmt: skip
            changed = self.sql.execute("""
                select count(*) from labels as l inner join next_labels as n on l.node = n.node where l.label <> n.label
            """).fetchone()
            self.sql.execute("create or replace temp table labels as from next_labels")
            if not changed or not changed[0]:
                break
        # A record whose every key is shared by too many is a person of its own.
        self._write("person_links", f"""
            select r.person_record_id, coalesce('p' || l.label, r.person_record_id) as person_id
            from (select distinct person_record_id from '{records}') as r
            left join (select distinct person_record_id, node from edges) as n using (person_record_id)
            left join labels as l on n.node = l.node""")  # fmt: skip

    def publish(self) -> None:
        """Journey events in one shape, and one row per person with its counts and its newest attributes."""
        events = []
        for (source, name), entity in self.landed.items():
            amount = next((c.name for c in entity.columns if c.name.endswith("_cny")), "null::double")
            channel = "channel" if any(c.name == "channel" for c in entity.columns) else "null::varchar"
            events.append(f"""
                select e.record_id as event_id, l.person_id, '{source}' as source, '{name}' as entity,
                    {channel} as channel, e.event_at, e.known_at, {amount} as amount_cny
                from ({self._with_person(entity)}) as e
                left join '{self._path("person_links")}' as l using (person_record_id)""")  # fmt: skip
        self._write("journey_events", " union all ".join(events))
        counts = ", ".join(f"count(*) filter (where source = '{source}' and entity = '{name}') as {source}_{name}_count"
                           for source, name in self.landed)  # fmt: skip
        attributes = ", ".join(
            f"max_by(c.{column.name}, c.known_at) as {column.name}"
            for entity in self.landed.values() if (entity.source, entity.name) == ("crm", "customers")
            for column in entity.columns if column.classification == "internal"
        )  # fmt: skip
        golden = f"""
            select l.person_id, {attributes} from '{self.output}/staging/crm__customers.parquet' as c
            inner join '{self._path("person_links")}' as l using (person_record_id) group by l.person_id"""  # fmt: skip
        self._write("person_profile", f"""
            select e.*, g.* exclude (person_id) from (
                select person_id, min(event_at) as first_at, max(event_at) as last_at, {counts}
                from '{self._path("journey_events")}' where person_id is not null group by person_id
            ) as e left join ({golden}) as g using (person_id)""")  # fmt: skip

    def window(self) -> None:
        """The declared features, one file per group: every 30 days back through what is known, and today."""
        for name, group in self.groups.items():
            self._group(name, group)

    def _group(self, name: str, group: dict[str, Any]) -> None:
        landed_queries = {entity: self.landed.get((group["source"], entity)) for entity in group["entities"]}
        entities = {entity: query for entity, query in landed_queries.items() if query is not None}
        if not entities:
            return
        known_at = " union all ".join(f"select known_at from '{self._path('bronze', e)}'" for e in entities.values())
        first = self.sql.execute(f"select coalesce(min(known_at), now()) from ({known_at})").fetchall()[0][0]
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        steps = max((today - first).days // SNAPSHOT_DAYS, 0)
        moments = ", ".join(f"(timestamptz '{today - timedelta(days=SNAPSHOT_DAYS * k)}')" for k in range(steps + 1))
        self.sql.execute(f"create or replace temp table snapshots as select * from (values {moments}) as m(t)")
        parts, columns = [], []
        for entity_name, entity in entities.items():
            declared = group["entities"][entity_name]
            aggregates = list(_aggregates(declared, group["windows"]))
            if not aggregates:
                continue
            self.features += len(aggregates)
            columns += [f"{entity_name}.{alias}" for alias, _ in aggregates]
            durations = "".join(
                f", (epoch({d['until']}) - epoch({d['since']})) / {SECONDS[d['unit']]} as {alias}"
                for alias, d in declared.get("durations", {}).items()
            )  # fmt: skip
            parts.append(f"""{entity_name} as (
                select person_id, t, {", ".join(f"{sql} as {alias}" for alias, sql in aggregates)}
                from (
                    select e.*{durations}, l.person_id, s.t, (epoch(s.t) - epoch(e.event_at)) / 86400 as age_days
                    from ({self._with_person(entity)}) as e
                    inner join '{self._path("person_links")}' as l using (person_record_id)
                    inner join snapshots as s
                        on e.event_at < s.t and e.known_at <= s.t and e.event_at >= s.t - interval 365 day
                ) where {declared.get("where", "true")} group by person_id, t)""")  # fmt: skip
        names = [part.split(" as ", 1)[0] for part in parts]
        identified = " union all ".join(
            f"select person_record_id, greatest(event_at, known_at) as k from '{self._path('staging', e)}'"
            for n, e in entities.items() if not group["entities"][n].get("parent")
        )  # fmt: skip
        joins = " ".join(f"left join {n} on spine.person_id = {n}.person_id and spine.t = {n}.t" for n in names)
        self._write(f"features/{name}", f"""
            with {", ".join(parts)}, spine as (
                select distinct l.person_id, s.t
                from (select person_record_id, min(k) as k from ({identified}) group by person_record_id) as f
                inner join '{self._path("person_links")}' as l using (person_record_id)
                inner join snapshots as s on f.k <= s.t
            )
            select spine.person_id, spine.t as event_timestamp, spine.t as created_timestamp, {", ".join(columns)}
            from spine {joins}""")  # fmt: skip

    def _with_person(self, entity: Entity) -> str:
        """The staged rows of an entity; those of a part (a line, a transfer) with their parent's person record."""
        staged = f"'{self._path('staging', entity)}'"
        parent = self.parents.get((entity.source, entity.name))
        if parent is None:
            return f"select * from {staged}"
        carried = "".join(f", max_by({c}, known_at) as parent_{c}" for c in parent.get("columns", []))
        return f"""select e.* exclude (person_record_id), p.* exclude ({parent["key"]}) from {staged} as e inner join (
            select {parent["key"]}, max_by(person_record_id, known_at) as person_record_id{carried}
            from '{self.output}/staging/{entity.source}__{parent["entity"]}.parquet' group by {parent["key"]}
        ) as p using ({parent["key"]})"""

    def _raw(self, contract: Contract, entity: Entity) -> str | None:
        """A relation of the entity's raw rows, all columns as text; None where the source has none."""
        server = contract.server("embedded")
        if server.format == "sqlite":
            return self._from_sqlite(self.sources / str(server.path), entity)
        if server.path is None:  # the survey API serves these files
            files = [self.sources / contract.source / f"{entity.name}.jsonl"]
        else:
            files = sorted((self.sources / str(server.path)).glob(entity.physical_name))
        files = [file for file in files if file.exists()]
        if not files:
            return None
        listed = "[" + ", ".join(f"'{file}'" for file in files) + "]"
        columns = "{" + ", ".join(f"'{c.name}': 'VARCHAR'" for c in entity.columns) + "}"
        if files[0].suffix == ".parquet":
            return f"read_parquet({listed}, union_by_name = true)"
        if files[0].suffix == ".csv":
            options = "auto_detect = false, header = true, ignore_errors = true, null_padding = true"
            return f"read_csv({listed}, columns = {columns}, {options})"
        return f"read_json({listed}, columns = {columns}, format = 'newline_delimited', ignore_errors = true)"

    def _from_sqlite(self, path: Path, entity: Entity) -> str | None:
        import adbc_driver_sqlite.dbapi as adbc

        if not path.exists():
            return None
        # ADBC takes a column's type from its first rows, where null is a number: a mark stands for null on the way.
        columns = ", ".join(f'ifnull(cast("{c.name}" as text), char(1)) as "{c.name}"' for c in entity.columns)
        with adbc.connect(f"file:{path}?mode=ro") as database, database.cursor() as cursor:
            cursor.execute(f'select {columns} from "{entity.physical_name}"')
            self.sql.register("raw", cursor.fetch_arrow_table())
        return f"(select {', '.join(f'nullif({c.name}, chr(1)) as {c.name}' for c in entity.columns)} from raw)"

    def _rules(self, column: Column) -> Iterator[str]:
        """What the contract asks of a column, as SQL."""
        name = column.name
        if column.required:
            yield f"{name} is not null"
        if column.severity != "block":
            return
        or_null = "" if column.required else f"{name} is null or "
        if column.logical_type == "timestamp":
            yield f"{name} is null or {name} between '1990-01-01' and timestamptz '{self.now + timedelta(days=1)}'"
        if column.allowed:
            yield f"{or_null}{name} in ({', '.join(repr(value) for value in column.allowed)})"
        if column.minimum is not None:
            yield f"{or_null}{name} >= {column.minimum}"
        if column.maximum is not None:
            yield f"{or_null}{name} <= {column.maximum}"
        if column.pattern:
            yield f"{or_null}regexp_matches({name}, '{column.pattern}')"

    def _path(self, folder: str, entity: Entity | None = None) -> str:
        name = folder if entity is None else f"{folder}/{entity.source}__{entity.name}"
        return f"{self.output}/{name}.parquet"

    def _write(self, name: str, query: str) -> None:
        path = self.output / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.sql.execute(f"copy ({query}) to '{path}' (format parquet)")


def _cast(column: Column) -> str:
    return f"try_cast(r.{column.name} as {duckdb_type(column.logical_type)})"


def _identity(entity: Entity) -> list[Column]:
    """The columns that say who a row is about."""
    direct = [c for c in entity.columns if c.identifier_kind or c.classification == "pii_direct"]
    return direct if any(c.identifier_kind for c in direct) else []


def _named(columns: list[Column]) -> list[str]:
    return [f"'{c.name}=' || {c.name}::varchar" for c in columns]


def _feature_groups() -> Iterator[tuple[str, dict[str, Any]]]:
    """The declared feature groups, by name of their model."""
    for path in sorted((ROOT / "dbt_project" / "models" / "features").glob("*.yml")):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            group = model.get("config", {}).get("meta", {}).get("features")
            if group:
                yield model["name"], group


def _aggregates(declared: dict[str, Any], windows: list[int]) -> Iterator[tuple[str, str]]:
    """Name and SQL of every feature that an entity's measures stand for."""
    plain = {"sum": "sum", "avg": "avg", "min": "min", "max": "max", "stddev": "stddev_samp"}
    for measure, meaning in (declared.get("measures") or {}).items():
        for aggregate in meaning["aggregates"]:
            for days in meaning.get("windows", windows):
                value = meaning.get("value", "1")
                call = {
                    "count": "count(*)",
                    "distinct": f"count(distinct {value})",
                    "share": f"avg(case when {value} then 1.0 else 0.0 end)",
                    "last": f"max_by(({value})::double, row(event_at, record_id))",
                }.get(aggregate) or f"{plain[aggregate]}(({value})::double)"
                condition = f"event_at >= t - interval {days} day and ({meaning.get('where', 'true')})"
                yield f"{measure}_{aggregate}_{days}d", f"{call} filter (where {condition})"


def main() -> None:
    """Run all steps and print what they took."""
    sources, output, threads, memory_limit = sys.argv[1:5]
    script = ByHand(Path(sources), output=Path(output), threads=int(threads), memory_limit=memory_limit)
    seconds = {}
    for step in (script.read, script.land, script.stage, script.identify, script.publish, script.window):
        started = time.perf_counter()
        step()
        seconds[step.__name__] = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rows": script.rows, "features": script.features, "peak_mb": peak}))


if __name__ == "__main__":
    main()
