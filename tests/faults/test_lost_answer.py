"""A commit whose answer is lost: the table is asked whether it is in; nothing is written twice, nothing taken back."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from ingestion.landing import batches, land
from lake import commits, layout, writer
from lake.tables import open_table, table_version
from lake.writer import Commit, ConflictError, append
from tests.faults.reconcile import Delivered, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.landing_lake import Shop

Write = Callable[..., Any]
#: The calls of delta-rs that commit: the first batch of a table, a later one, rejected rows.
COMMITS = ("create_table_with_add_actions", "create_write_transaction", "write_deltalake")


def lose_answers(monkeypatch: pytest.MonkeyPatch, *, reaches: bool) -> list[str]:
    """Let the next call of each kind fail, after its commit or instead of it; gives the list of those that did."""
    layout.ensure()
    failed: list[str] = []

    def cut(name: str, call: Write) -> Write:
        def write(*arguments: Any, **named: Any) -> Any:
            if name in failed:
                return call(*arguments, **named)
            failed.append(name)
            if reaches:
                call(*arguments, **named)
            raise CommitFailedError("connection reset by peer")

        return write

    for name in COMMITS:
        owner = DeltaTable if name == "create_write_transaction" else writer
        monkeypatch.setattr(owner, name, cut(name, getattr(owner, name)))
    return failed


def test_commit_that_reached_the_table_counts_though_its_answer_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = Delivered()
    failed = lose_answers(monkeypatch, reaches=True)
    for day in range(4):
        deliver(shop, delivered, day)
        assert shop.land().error is None
        assert reconcile(shop, delivered).is_sound
    assert set(failed) == set(COMMITS)
    assert table_version(BRONZE) == 3
    print(f"{len(failed)} answers lost after the commit: 0 rows lost, 0 duplicated, every batch one version")


def test_commit_that_did_not_reach_the_table_is_made_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = Delivered()
    failed = lose_answers(monkeypatch, reaches=False)
    for day in range(4):
        deliver(shop, delivered, day)
        shop.land()
    shop.land()
    assert set(failed) == set(COMMITS)
    assert reconcile(shop, delivered).is_sound


def test_files_stay_where_the_table_cannot_be_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    deliver(shop, delivered, 1)

    def silent(name: str) -> DeltaTable | None:
        raise OSError("no route to host")

    with monkeypatch.context() as patched:
        patched.setattr(commits, "open_table", silent)
        lose_answers(patched, reaches=True)
        assert "the commit's answer is lost" in str(shop.land().error)
    shop.land()
    assert reconcile(shop, delivered).is_sound


@pytest.fixture
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Landing under no lock, as a machine whose lease was taken over."""
    for module in (land, writer):
        monkeypatch.setattr(module, "table_lock", lambda name: nullcontext())


def test_batch_that_came_second_is_read_anew_behind_the_first(
    shop: Shop, no_lock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    deliver(shop, delivered, 1)
    crash_point, overtaken = batches.crash_point, []

    def overtake(reached: str) -> None:
        if reached == "landing.staged" and len(overtaken) < 2:
            overtaken.append(reached)
            deliver(shop, delivered, 1 + len(overtaken))
            assert shop.land().error is None  # the other one, which finds more, and is quicker
        crash_point(reached)

    monkeypatch.setattr(batches, "crash_point", overtake)
    result = shop.land()
    assert result.error is None
    assert result.entities[0].counts.landed == 0
    verdict = reconcile(shop, delivered)
    print(f"{len(overtaken)} batches overtaken before their commit, each read anew: {verdict}")
    assert verdict.is_sound


def test_commit_with_a_cursor_is_never_moved_behind_one_it_has_not_seen(shop: Shop) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    table = open_table(BRONZE)
    assert table is not None
    rows, stale = table.to_pyarrow_table().slice(0, 1), table.version()
    assert append(BRONZE, rows, commit=Commit("other", 0, {"cursor": "a"}, made_from=stale))
    for commit in (Commit("another", 0, {"cursor": "b"}, made_from=stale), Commit("other", 0, made_from=stale)):
        with pytest.raises(ConflictError):
            append(BRONZE, rows, commit=commit)
    assert table_version(BRONZE) == stale + 1
