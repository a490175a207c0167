"""The best that exact matching can do on a set: every column and every pair of columns as the one rule, truth in hand.

Two records are one person where they show the same value (in lower case, trimmed) in the column, or in both columns; a
record without it is alone. The best rule is chosen by the truth, which no matcher has: a bar, not a competitor.
"""

from itertools import combinations

import duckdb
import pyarrow as pa

from benchmarks.references.plain_splink import flatten


def best_rule(records: pa.Table, truth: pa.Table, found_by: str) -> tuple[str, pa.Table]:
    """The rule with the highest F1 of pairs, in words, and its links: `record_id`, `person_id`.

    Args:
        truth: `record_id`, `truth`, and the column `found_by`: pairs that share it are those to be found.
    """
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        columns = flatten(con, records)
        con.register("given_truth", truth)
        con.execute(
            f"""create table known as select f.*, t.truth as true_person, t.{found_by} as to_be_found
                from flat f join given_truth t on f.unique_id = t.record_id where t.truth is not null"""
        )
        (to_find,) = _row(con, f"select {_pairs('n')} from (select count(*) as n from known group by to_be_found)")
        scored = {}
        for rule in [*((name,) for name in columns), *combinations(columns, 2)]:
            is_complete = " and ".join(f"{name} is not null" for name in rule)
            columns_of = f"{', '.join(rule)}, true_person, to_be_found"
            cells = f"select {columns_of}, count(*) as n from known where {is_complete} group by {columns_of}"
            linked_pairs, true_pairs, found_pairs = (
                f"select {_pairs('n')} from (select sum(n) as n from cells group by {', '.join((*rule, *more))})"
                for more in ((), ("true_person",), ("true_person", "to_be_found"))
            )
            linked_count, true_count, found_count = _row(
                con, f"with cells as ({cells}) select ({linked_pairs}), ({true_pairs}), ({found_pairs})"
            )
            precision = true_count / linked_count if linked_count else 1.0
            recall = found_count / to_find if to_find else 1.0
            scored[rule] = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        best = max(scored, key=lambda rule: (scored[rule], rule))
        key = " || '|' || ".join(best)
        links = con.sql(f"select unique_id as record_id, coalesce({key}, 'alone ' || unique_id) as person_id from flat")
        return f"same {' and '.join(best)}", links.to_arrow_table()


def _pairs(count: str) -> str:
    return f"coalesce(sum({count} * ({count} - 1) / 2), 0)"


def _row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, ...]:
    return tuple(float(value) for value in con.execute(sql).fetchone() or ())
