"""The one file of every person of the small lake is right: counted again, and compared with the truth."""

from collections import defaultdict
from typing import Any

import pyarrow as pa
import pytest

from tests.small_lake import SmallLake

CRM_FIRST = "order by source <> 'crm', source <> 'orders', updated_at desc, person_record_id"


@pytest.fixture(scope="module")
def tables(small_lake: SmallLake) -> dict[str, list[dict[str, Any]]]:
    """Rows of the tables that are compared, as Python values."""
    from lake.tables import open_table

    names = ("identity/person_links", "identity/person_records", "identity/person_identifiers",
             "marts/journey_events", "marts/person_profile", "marts/person_households")  # fmt: skip
    with small_lake.opened():
        opened = {name: open_table(name) for name in names}
        return {name: pa.table(table.to_pyarrow_table()).to_pylist() for name, table in opened.items() if table}


def test_coverage_and_counts_are_what_the_records_and_events_say(tables: dict[str, list[dict[str, Any]]]) -> None:
    person_of = {
        row["person_record_id"]: row["person_id"] for row in tables["identity/person_links"] if not row["valid_to"]
    }
    records: dict[tuple[str, str], int] = defaultdict(int)
    for row in tables["identity/person_records"]:
        records[person_of[row["person_record_id"]], row["source"]] += 1
    events: dict[tuple[str, str], list[Any]] = defaultdict(list)
    orders: dict[str, int] = defaultdict(int)
    for row in tables["marts/journey_events"]:
        if (person := person_of.get(row["person_record_id"])) is not None:
            events[person, row["source"]].append(row["event_at"])
            orders[person] += row["event_type"] == "order_placed"
    for profile in tables["marts/person_profile"]:
        person = profile["person_id"]
        known = sorted(source for who, source in records.keys() | events.keys() if who == person)
        expected: list[dict[str, Any]] = [
            {
                "source": source,
                "records_count": records.get((person, source), 0),
                "events_count": len(at := events.get((person, source), [])),
                "first_event_at": min(at, default=None),
                "last_event_at": max(at, default=None),
            }
            for source in known
        ]
        assert profile["coverage"] == expected
        assert profile["sources_count"] == len(known)
        assert profile["records_count"] == sum(row["records_count"] for row in expected)
        assert profile["events_count"] == sum(row["events_count"] for row in expected)
        moments = [at for source in known for at in events.get((person, source), [])]
        assert profile["first_event_at"] == min(moments, default=None)
        assert profile["last_event_at"] == max(moments, default=None)
        assert profile["orders_count"] == orders[person]


def test_identifiers_are_those_of_the_records_and_read_as_the_matcher_reads_them(
    small_lake: SmallLake, tables: dict[str, list[dict[str, Any]]]
) -> None:
    import duckdb

    from identity.matching.comparable.values import e164, email_sql, placeholder_phone_sql

    person_of = {
        row["person_record_id"]: row["person_id"] for row in tables["identity/person_links"] if not row["valid_to"]
    }
    stated: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in tables["identity/person_records"]:
        for item in row["identifiers"]:
            stated[person_of[row["person_record_id"]], item["kind"]].add(item["value"])
    listed: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for row in tables["identity/person_identifiers"]:
        listed[row["person_id"], row["kind"]][row["value"]] = row["is_valid"]
    assert stated.keys() == listed.keys()
    assert all(len(listed[key]) <= len(values) for key, values in stated.items())

    phones = {value: e164(value, "CN") for key, values in stated.items() if key[1] == "phone" for value in values}
    numbers = sorted({number for number in phones.values() if number})
    read = f"select value from (select unnest(?) as value) where {placeholder_phone_sql('value')}"
    placeholders = {number for (number,) in duckdb.execute(read, [numbers]).fetchall()}
    typed = sorted({value for key, values in stated.items() if key[1] == "email" for value in values})
    read = f"select value, {email_sql('value')} from (select unnest(?) as value)"
    emails = dict(duckdb.execute(read, [typed]).fetchall())

    for (person, kind), values in stated.items():
        valid = {value for value, is_valid in listed[person, kind].items() if is_valid}
        if kind not in ("email", "phone"):
            assert valid == listed[person, kind].keys()
            continue
        read_as = emails if kind == "email" else phones
        accepted = {found for value in values if (found := read_as[value]) and found not in placeholders}
        # The matcher takes whatever might be a number; the file only what can be dialled. What both take is the same.
        assert valid <= accepted
        assert {value for value in accepted if kind == "email" or is_chinese_mobile(value)} <= valid


def is_chinese_mobile(number: str) -> bool:
    """Whether an E.164 number can only be dialled as a Chinese mobile."""
    return len(number) == 14 and number.startswith("+861") and number[4] > "2"


def test_households_are_crms_and_those_at_one_address(tables: dict[str, list[dict[str, Any]]]) -> None:
    rows = tables["marts/person_households"]
    together: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["valid_to"] is None:
            together[row["household_id"]].add(row["person_id"])
    assert {row["kind"] for row in rows} == {"declared", "shared_address"}
    assert all(row["members_count"] == len(together[row["household_id"]]) for row in rows)
    assert all(2 <= row["members_count"] <= 8 for row in rows if row["kind"] == "shared_address")
    in_now: dict[str, int] = defaultdict(int)
    for row in rows:
        in_now[row["person_id"]] += row["valid_to"] is None
    assert all(row["households_count"] == in_now[row["person_id"]] for row in tables["marts/person_profile"])
    assert max(in_now.values()) > 1, "somebody is in several"


def test_golden_values_are_nearer_the_truth_than_the_most_trusted_record(small_lake: SmallLake) -> None:
    from lake.sql.connections import connect
    from lake.tables import scan

    truth = small_lake.home / "sandbox" / "truth"

    def digits(column: str) -> str:
        return f"right(regexp_replace({column}, '[^0-9]', '', 'g'), 11)"

    with small_lake.opened(), connect() as con:
        links, records = scan("identity/person_links"), scan("identity/person_records")
        con.execute(
            f"""create table really as
                select l.person_id, mode(t.person) as person from {links} l
                    join read_parquet('{truth}/records.parquet') t
                        on l.person_record_id = 'crm:customers:' || t.natural_key and t.entity = 'customers'
                where l.valid_to is null group by 1"""
        )
        con.execute(
            f"""create table naive as
                select person_id, first(email {CRM_FIRST}) filter (email is not null) as email,
                    first(phone {CRM_FIRST}) filter (phone is not null) as phone
                from {records} r join {links} l using (person_record_id) where valid_to is null group by 1"""
        )
        shares = con.sql(
            f"""select avg((c.email = lower(t.email))::int), avg((lower(n.email) = lower(t.email))::int),
                    avg(({digits("c.phone")} = t.phone)::int), avg(({digits("n.phone")} = t.phone)::int)
                from really join {scan("identity/person_contact")} c using (person_id) join naive n using (person_id)
                    join read_parquet('{truth}/persons.parquet') t on t.person = really.person
                where c.email is not null and c.phone is not null"""
        ).fetchone()
    assert shares is not None
    golden_email, naive_email, golden_phone, naive_phone = shares
    assert golden_email > naive_email
    assert golden_phone > naive_phone
    assert min(golden_email, golden_phone) > 0.9
