"""The harness of the fault tests: what was delivered against what the lake holds, to the row.

It reads the tables themselves, not the counters it judges; `test_harness.py` proves that it sees a planted loss, a
planted duplicate and a planted half batch.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from contracts.settings import PROJECT_ROOT
from tests.landing_lake import Shop

LAND = "from ingestion.landing.land import land_source; import sys; sys.exit(land_source('shop').error is not None)"


@dataclass
class Delivered:
    """Records a test has delivered, as raw text: the good ones and the bad ones."""

    good: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)

    def add(self, rows: list[dict[str, Any]], *, bad: bool = False) -> list[dict[str, Any]]:
        """Note rows that are about to be delivered, and give them back."""
        (self.bad if bad else self.good).update(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows)
        return rows


@dataclass(frozen=True)
class Verdict:
    """Findings, all zero in a sound lake. Rows are compared by content, so a bent value is a loss too."""

    lost: int
    doubled: int
    half_batches: int
    miscounted: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return self == Verdict(0, 0, 0, 0)


def reconcile(shop: Shop, delivered: Delivered, stream: str = "files") -> Verdict:
    """Compare what was delivered over a stream with bronze, quarantine and the counters."""
    names = [column.name for column in shop.table().columns]
    landed: Counter[str] = Counter()
    for row in shop.rows(", ".join(f"{name}::varchar" for name in names)):
        landed[key(dict(zip(names, row, strict=True)))] += 1
    expected = Counter({key(as_text(json.loads(raw))): 1 for raw in delivered.good})
    rejected = Counter(_sorted(raw) for (raw,) in shop.rows("raw", "quarantine"))
    bad = Counter(dict.fromkeys(delivered.bad, 1))
    lost = (expected - landed) + (bad - rejected)
    doubled = (landed - expected) + (rejected - bad)
    received = sum(delivered.good.values()) + sum(delivered.bad.values())
    state = shop.counters()
    wrong = [
        state.received - received,
        state.landed - sum(landed.values()),
        state.quarantined - sum(rejected.values()),
    ]
    return Verdict(lost.total(), doubled.total(), _half_batches(shop, stream), sum(map(abs, wrong)))


def _half_batches(shop: Shop, stream: str) -> int:
    """Batches of which quarantine has rows though bronze never committed the batch, or bronze only a part."""
    last = shop.last_batch(stream)
    in_quarantine = {batch for (batch,) in shop.rows("batch_id", "quarantine")}
    half = {batch for batch in in_quarantine if batch.startswith(f"{stream}-") and int(batch[-8:]) > last}
    return len(half) + partial_batches(shop, stream)


def partial_batches(shop: Shop, stream: str = "files") -> int:
    """Batches of which bronze shows only a part; never one, not even between a kill and the next run."""
    by_batch = Counter(batch for (batch,) in shop.rows("batch_id"))
    return sum(rows != by_batch[batch] for batch, rows in shop.rows_by_commit(stream).items())


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """A delivered row's values as DuckDB writes them."""
    times = ("event_at", "delivered_at")
    text = {k: None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for k, v in row.items()}
    return text | {t: str(row[t]).replace("T", " ").replace("+00:00", "+00") for t in times}


def key(row: dict[str, Any]) -> str:
    """A row as comparable text."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


def _sorted(raw: str) -> str:
    return json.dumps(json.loads(raw), ensure_ascii=False, sort_keys=True)


def land_in_child(**environment: str) -> subprocess.Popen[bytes]:
    """Start landing the shop in a process of its own, which inherits the test's lake."""
    return subprocess.Popen([sys.executable, "-c", LAND], env=os.environ | environment, cwd=PROJECT_ROOT)


def kill_after(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill -9 a child after some time; False where it had ended before."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.poll() is not None:
            return False
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    return True
