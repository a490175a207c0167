"""A run that looks only at what changed gives what a full one would, whatever came, changed, went or was judged."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.settings import reset_settings
from identity.links.incremental import Resolved, resolve_lake, write_index
from identity.links.matcher_columns import from_matcher, to_matcher
from identity.links.person_index import current_sql
from identity.matching.pairs.blocking import MAX_PROFILES
from identity.matching.pairs.person_model import PersonModel, load_model
from identity.matching.pairs.rules import MAX_NAMES
from identity.matching.person_records import SCHEMA
from identity.matching.resolve import match
from identity.review.labels import DIFFERENT, IN_FORCE, SAME
from lake.sql.connections import connect
from lake.tables import list_tables, table_version
from tests.small_lake import SmallLake
from tests.unit.test_identity_resolve import partition, records

Row = dict[str, Any]
MODEL = load_model()
#: One person in eight spellings, a namesake of the family, and people who only share a house.
NAMES = [
    "王小明", "Wang Xiaoming", "Xiaoming Wang", "Wang Xiao Ming", "王晓明", "王小芳", "Wang Xiaofang", "赵丽",
    "Zhao Li", "John Miller", "John Miller Jr", "J. Miller", "Jon Miller", "Mary Miller", "Miller Mary",
]  # fmt: skip
POOL: dict[str, list[str]] = {
    "full_name": NAMES,
    "birth_date": ["1980-02-03", "1980-03-02", "1980-02-08", "1999-09-09"],
    "email": ["xiaoming.wang80@qq.com", "xiaomnig.wang80@qq.com", "xiaoming.wan80@qq.com", "millers77@gmx.de",
              "mary.miller@gmx.de", "zhaoli@qq.com"],
    "phone": ["13812345678", "13812345687", "13912349999", "02161008000"],
    "national_id": ["11010519491231002X", "440308199901101512"],
    "street": ["人民路12号", "5 Station Road", "5 Station Raod"],
    "city": ["上海", "Shanghai", "北京"],
    "crm_id": ["C1", "C2", "C3"],
    "account_id": ["A1", "A2", "A3"],
    "cookie_id": ["ck1", "ck2", "ck3"],
}  # fmt: skip


@dataclass
class Runs:
    """A lake's person records, changed from run to run, and the groups that the runs made of them."""

    folder: Path
    rows: dict[str, Row]
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)

    def run(self, *, model: PersonModel = MODEL, made_by: str = "matcher", dies: bool = False) -> Resolved:
        """One run over the rows as they are now; one that `dies` does not come to write the index."""
        file = self.folder / "records.parquet"
        pq.write_table(from_matcher(self._table()), file)
        resolved = resolve_lake(f"select * from read_parquet('{file}')", self._said(), model, made_by=made_by)
        if not dies:
            write_index(resolved)
            self._take(resolved)
        return resolved

    def is_as_a_full_run(self, resolved: Resolved, *, model: PersonModel = MODEL) -> bool:
        """Whether the groups are those of all records at once, and the index holds each record once."""
        statistics = resolved.matching.statistics
        full = partition(match(self._table(), labels=to_matcher(self._said()), model=model, statistics=statistics))
        with connect() as con:
            held = sorted(row[0] for row in con.sql(current_sql(("person_record_id",))).fetchall())
        return self.groups() == full and held == sorted(self.rows)

    def groups(self) -> set[frozenset[str]]:
        found: dict[str, set[str]] = {}
        for record, person in self.group.items():
            found.setdefault(person, set()).add(record)
        return {frozenset(members) for members in found.values()}

    def together(self, *record_ids: str) -> bool:
        return len({self.group[record] for record in record_ids}) == 1

    def _take(self, resolved: Resolved) -> None:
        matching = resolved.matching
        if resolved.looked_at is None:
            self.group.clear()
        else:
            for record in resolved.looked_at.to_pylist():
                self.group.pop(record, None)
        ids = matching.record_ids.to_pylist()
        self.group |= {record: ids[first] for record, first in zip(ids, matching.component.tolist(), strict=True)}

    def _table(self) -> pa.Table:
        return records(*({"record_id": record, **row} for record, row in self.rows.items()))

    def _said(self) -> pa.Table:
        rows = [
            {"person_record_id_l": a, "person_record_id_r": b, "label": label} for (a, b), label in self.labels.items()
        ]
        return pa.Table.from_pylist(rows, schema=IN_FORCE)


Start = Callable[[dict[str, Row]], Runs]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begins the runs of an empty lake; each call another one."""
    number = 0

    def begin(rows: dict[str, Row]) -> Runs:
        nonlocal number
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        os.environ["LAKE_HOME"] = str(folder)
        reset_settings()
        return Runs(folder, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKE_HOME", str(tmp_path))
        patch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
        yield begin
    reset_settings()


def somebody(chance: random.Random) -> Row:
    """A row of values that collide; about one in four has no name."""
    return {
        column: chance.choice(values)
        for column, values in POOL.items()
        if chance.random() < (0.75 if column == "full_name" else 0.4)
    }


def strangers(count: int) -> dict[str, Row]:
    """People who have nothing to do with anybody, so that a few changes stay a small part of the lake."""
    syllables = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
    return {
        f"s{n}": {
            "full_name": f"{syllables[n % 65]}{syllables[n * 7 % 65]}r {syllables[n * 11 % 65]}{syllables[n // 65]}x",
            "phone": f"137{n * 77_003 + 20_000_000}",
        }
        for n in range(count)
    }


def change(runs: Runs, chance: random.Random, most: int) -> None:
    """Some records come, change and go, and somebody judges a pair or takes it back."""
    for _ in range(chance.randint(1, most)):
        known = [record for record in runs.rows if not record.startswith("s")]
        what = chance.choice(["add", "add", "change", "remove", "label", "unlabel"])
        if what == "add" or len(known) < 3:
            runs.rows[f"r{chance.randint(0, 10**9)}"] = somebody(chance)
        elif what == "change":
            row = runs.rows[chance.choice(known)]
            column = chance.choice(list(POOL))
            row.pop(column, None)
            if chance.random() < 0.7:
                row[column] = chance.choice(POOL[column])
        elif what == "remove":
            del runs.rows[chance.choice(known)]
        elif what == "label":
            a, b = sorted(chance.sample(known, 2))
            runs.labels[a, b] = chance.choice([SAME, DIFFERENT])
        elif runs.labels:
            del runs.labels[chance.choice(list(runs.labels))]


def live(runs: Runs, chance: random.Random, *, count: int, most: int) -> int:
    """Runs with changes between them, each held against a full one; how many looked at a part only."""
    parts = 0
    for number in range(count):
        resolved = runs.run()
        parts += resolved.looked_at is not None
        assert runs.is_as_a_full_run(resolved), f"run {number}"
        change(runs, chance, most)
    return parts


def small_world(start: Start, seed: int, *, count: int) -> None:
    """A lake of its own by a seed: people whose values collide among strangers."""
    chance = random.Random(seed)
    rows = {f"r{n}": somebody(chance) for n in range(chance.randint(5, 40))}
    assert live(start(strangers(40) | rows), chance, count=count, most=6) >= count - 2


@given(seed=st.integers(0, 2**32))
@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_run_after_run_gives_what_a_full_run_gives(start: Start, seed: int) -> None:
    small_world(start, seed, count=3)


@pytest.mark.prove
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_runs_give_what_full_runs_give(start: Start, seed: int) -> None:
    small_world(start, seed, count=6)


def of_one_name(count: int) -> dict[str, Row]:
    """One name and one phone on records that all say something else."""
    return {
        f"n{n:02}": {
            "full_name": "Wang Xiaoming",
            "phone": "13812345678",
            "email": f"{chr(97 + n % 26)}{n * 7919}@qq.com",
        }
        for n in range(count)
    }


def test_key_that_becomes_crowded_and_is_so_no_longer_is_seen(start: Start) -> None:
    runs = start(strangers(40) | of_one_name(MAX_PROFILES))
    runs.run()
    assert runs.together("n00", "n40")
    before = dict(runs.rows)
    runs.rows = strangers(40) | of_one_name(MAX_PROFILES + 1)
    crowded = runs.run()
    assert crowded.looked_at is not None
    assert not runs.together("n00", "n40")
    assert runs.is_as_a_full_run(crowded)
    runs.rows = before
    uncrowded = runs.run()
    assert uncrowded.looked_at is not None
    assert runs.together("n00", "n40")
    assert runs.is_as_a_full_run(uncrowded)


def test_phone_is_guarded_by_its_13th_name_and_usable_again_without_it(start: Start) -> None:
    desk = "02161008000"
    names = [person["full_name"] for person in strangers(60).values()][40:]
    runs = start(strangers(40) | {f"d{n:02}": {"full_name": names[n], "phone": desk} for n in range(MAX_NAMES)})
    runs.rows["d00 again"] = {"full_name": names[0], "phone": desk, "crm_id": "C1"}
    runs.run()
    assert runs.together("d00", "d00 again")
    runs.rows["d12"] = {"full_name": names[MAX_NAMES], "phone": desk}
    guarded = runs.run()
    assert guarded.looked_at is not None
    assert guarded.matching.guarded["reason"].to_pylist() == ["TOO_MANY_NAMES"]
    assert not runs.together("d00", "d00 again")
    assert runs.is_as_a_full_run(guarded)
    del runs.rows["d12"]
    usable = runs.run()
    assert usable.looked_at is not None
    assert runs.together("d00", "d00 again")
    assert runs.is_as_a_full_run(usable)


def test_run_that_died_before_the_index_was_written_is_made_good(start: Start) -> None:
    runs = start(strangers(40))
    runs.rows |= {"a": {"full_name": "王小明", "phone": "13812345678"}}
    runs.run()
    runs.rows |= {"b": {"full_name": "Wang Xiaoming", "phone": "13812345678", "email": "xiaoming@qq.com"}}
    runs.run(dies=True)
    runs.rows |= {"c": {"full_name": "王小明", "email": "xiaoming@qq.com"}}
    resolved = runs.run()
    assert resolved.looked_at is not None
    assert runs.together("a", "b", "c")
    assert runs.is_as_a_full_run(resolved)


def test_first_run_that_died_begins_again(start: Start) -> None:
    runs = start(strangers(10))
    runs.run(dies=True)
    assert runs.run().looked_at is None


def test_idle_run_looks_at_nothing_and_touches_no_table(start: Start) -> None:
    runs = start(strangers(40))
    runs.run()
    before = {name: table_version(name) for name in list_tables()}
    idle = runs.run()
    assert idle.looked_at is not None
    assert len(idle.looked_at) == 0
    assert {name: table_version(name) for name in list_tables()} == before


def test_another_matcher_or_model_looks_at_everything_again(start: Start) -> None:
    runs = start(strangers(40) | {"a": {"full_name": "王小明"}})
    runs.run()
    assert runs.run().looked_at is not None
    assert runs.run(made_by="another").looked_at is None
    assert runs.run(made_by="another").looked_at is not None


def test_many_new_records_are_reason_enough_to_count_anew(start: Start) -> None:
    runs = start(strangers(40))
    runs.run()
    runs.rows = strangers(60)
    assert runs.run().looked_at is None
    assert runs.run().matching.statistics.population == 60


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(3))
def test_runs_over_the_sandbox_give_what_full_runs_give(small_lake: SmallLake, start: Start, seed: int) -> None:
    given_records = DeltaTable(str(small_lake.home / "delta/identity/person_records")).to_pyarrow_table()
    given_records = to_matcher(given_records)
    chance, kept = random.Random(seed), [name for name in SCHEMA.names if name in given_records.column_names]
    everybody = {row.pop("record_id"): row for row in given_records.select(kept).to_pylist()}
    waiting = chance.sample(sorted(everybody), len(everybody) // 3)
    runs = start({record: row for record, row in everybody.items() if record not in set(waiting)})
    for _ in range(8):
        resolved = runs.run()
        assert runs.is_as_a_full_run(resolved)
        runs.rows |= {record: everybody[record] for record in [waiting.pop() for _ in range(chance.randint(0, 60))]}
        for record in chance.sample(sorted(runs.rows), chance.randint(0, 10)):
            waiting.insert(0, record)
            del runs.rows[record]
        for column in ("phone", "email", "birth_date", "full_name"):
            a, b = chance.sample(sorted(runs.rows), 2)
            one, other = runs.rows[a], runs.rows[b]
            runs.rows[a], runs.rows[b] = one | {column: other[column]}, other | {column: one[column]}
        a, b = sorted(chance.sample(sorted(runs.rows), 2))
        runs.labels[a, b] = chance.choice([SAME, DIFFERENT])
