"""A lake of five people for the tests of the person page: one with a long journey, one whose every value is hostile.

`make` writes the tables as a run leaves them. `MEI` took in `FORMER` and was parted from `PARTED`; `MEI` and `TWIN`
share an e-mail address.
"""

import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from contracts.settings import PROJECT_ROOT
from identity.links.link_history import BEGINNING, EVENTS, HISTORY
from identity.links.matcher_columns import from_matcher
from identity.matching.person_records import SCHEMA
from identity.review.queue import SCHEMA as REVIEWS
from lake.writer import append, overwrite
from tests.declared_tables import declared_rows, leave_table
from tests.lake_context import lake_settings, opened

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MERGED_AT, PARTED_AT = datetime(2026, 5, 10, 9, tzinfo=UTC), datetime(2026, 6, 3, 9, tzinfo=UTC)
INSTANT = pa.timestamp("us", "UTC")
MEI, FORMER, PARTED, TWIN, BUSY, HOSTILE = (
    "p_mei000001", "p_mei000002", "p_mei000003", "p_twin00001", "p_busy00001", "p_evil00001",
)  # fmt: skip
SHARED_EMAIL, MEI_EMAIL, MEI_PHONE = "family@home.example", "mei.chen@home.example", "+8613900000001"
PERSONAL = (MEI_EMAIL, SHARED_EMAIL, "13900000001", "陈梅", "Mei Chen")
BUSY_EVENTS = 12_000
#: Markup, a change of the reading direction, an emoji of several characters, a zero-width space, a null, and length.
HOSTILE_VALUES = {
    "full_name": "<script>document.title='taken'</script>" + "长" * 10_000,
    "street": "12 \u202eteertS eht\u202c \u200b\u0000 👩‍👩‍👧 <img src=x onerror=alert(1)>",
    "email": "'\"><svg/onload=alert(1)>@evil.example",
    "city": "{{ 7 * 7 }} ${7*7} %s",
}
RECORDS: list[dict[str, Any]] = [
    {"record_id": "crm:customers:C1", "person": MEI, "full_name": "陈梅", "email": MEI_EMAIL, "phone": MEI_PHONE,
     "birth_date": "1985-04-01",
     "national_id": "11010519850401002X", "kind": "SAME_EMAIL", "bits": 31.0},
    {"record_id": "orders:person:a", "person": MEI, "full_name": "Mei Chen", "email": MEI_EMAIL, "kind": "SAME_EMAIL",
     "bits": 31.0, "was": FORMER},
    {"record_id": "web_app:person:b", "person": MEI, "email": SHARED_EMAIL, "kind": "SAME_COOKIE_ID", "bits": 9.5},
    {"record_id": "orders:person:c", "person": PARTED, "full_name": "Mei Cheng", "kind": "SINGLETON", "bits": 0.0,
     "was_mei": True},
    {"record_id": "crm:customers:C2", "person": TWIN, "full_name": "Lan Chen", "email": SHARED_EMAIL,
     "kind": "SINGLETON", "bits": 0.0},
    {"record_id": "crm:customers:C3", "person": BUSY, "full_name": "Wei Busy", "kind": "SINGLETON", "bits": 0.0},
    {"record_id": "crm:customers:C4", "person": HOSTILE, **HOSTILE_VALUES, "kind": "SINGLETON", "bits": 0.0},
]  # fmt: skip


def make() -> None:
    """Write every table that the page reads."""
    leave_table(
        "identity/person_records", from_matcher(pa.Table.from_pylist([_record(row) for row in RECORDS], schema=SCHEMA))
    )
    overwrite("identity/person_links", pa.Table.from_pylist(_links(), schema=HISTORY))
    overwrite("identity/person_events", pa.Table.from_pylist(_ledger(), schema=EVENTS))
    overwrite("identity/person_reviews", pa.Table.from_pylist(_reviews(), schema=REVIEWS))
    _write("identity/person_contact", _contacts())
    _write("identity/person_identifiers", _identifiers())
    _write("marts/person_profile", [_profile(person) for person in (MEI, PARTED, TWIN, BUSY, HOSTILE)])
    _write("marts/person_households", _households())
    _write("marts/journey_events", _journey())
    _write("marts/person_consents", _consents())


def add_event(person_id: str, event_type: str) -> None:
    """What a run would add while the page is served."""
    rows = [_event(person_id, 10**6, "orders", event_type, NOW)]
    append("marts/journey_events", declared_rows("marts/journey_events", rows))


def _record(row: dict[str, Any]) -> dict[str, Any]:
    held = [{"kind": kind, "value": row[kind]} for kind in ("email", "phone") if kind in row]
    plain = {name: value for name, value in row.items() if name in SCHEMA.names}
    return {
        "source": row["record_id"].partition(":")[0],
        "updated_at": NOW - timedelta(days=90),
        "identifiers": held,
    } | plain


def _links() -> list[dict[str, Any]]:
    links = []
    for row in RECORDS:
        spans = [(BEGINNING, None, row["person"], row["kind"], row["bits"])]
        if "was" in row:
            spans = [(BEGINNING, MERGED_AT, row["was"], "SINGLETON", 0.0), (MERGED_AT, None, *spans[0][2:])]
        if "was_mei" in row:
            spans = [(BEGINNING, PARTED_AT, MEI, "SAME_NAME", 3.0), (PARTED_AT, None, *spans[0][2:])]
        links += [
            {"person_record_id": row["record_id"], "person_id": person, "match_kind": kind, "match_strength": bits,
             "valid_from": begin, "valid_to": end, "is_backfilled": begin == BEGINNING}
            for begin, end, person, kind, bits in spans
        ]  # fmt: skip
    return links


def _ledger() -> list[dict[str, Any]]:
    births = [("birth", person, None, 1, NOW - timedelta(days=100)) for person in (MEI, FORMER, TWIN, BUSY, HOSTILE)]
    changes = [("merge", MEI, FORMER, 1, MERGED_AT), ("split", PARTED, MEI, 1, PARTED_AT)]
    names = ("event_type", "person_id", "other_person_id", "records", "event_at")
    return [
        dict(zip(names, row, strict=True)) | {"event_id": f"run:{number}", "run": number, "is_backfilled": False}
        for number, row in enumerate(births + changes)
    ]


def _reviews() -> list[dict[str, Any]]:
    weights = [{"comparison": "email", "weight_bits": 9.0}, {"comparison": "name", "weight_bits": -4.5}]
    open_ = {"weights": weights, "first_seen_at": NOW, "state": "open", "closed_by": None, "run": 1}
    return [
        {"pair_id": "k7q2m4x1", "person_record_id_l": "crm:customers:C2", "person_record_id_r": "web_app:person:b",
         "reason": "NEAR_THRESHOLD", "match_strength": -3.5, **open_},
        {"pair_id": "closed01", "person_record_id_l": "crm:customers:C1", "person_record_id_r": "orders:person:a",
         "reason": "NEAR_THRESHOLD", "match_strength": 1.0, **open_, "state": "closed"},
    ]  # fmt: skip


def _contacts() -> list[dict[str, Any]]:
    at = NOW - timedelta(days=90)
    first = {row["person"]: row for row in reversed(RECORDS)}
    contacts = []
    for person, row in first.items():
        about: dict[str, Any] = {"person_id": person}
        for attribute, column in (("name", "full_name"), ("email", "email"), ("phone", "phone"), ("address", "street")):
            held = row.get(column)
            other = "Mei Chen" if person == MEI and attribute == "name" else None
            about |= {
                column: held,
                f"{attribute}_source": "crm" if held else None, f"{attribute}_updated_at": at if held else None,
                f"{attribute}_runner_up": other, f"{attribute}_runner_up_source": "orders" if other else None,
                f"{attribute}_runner_up_updated_at": at if other else None,
                f"{attribute}_decided_by": "source_trust" if other else None,
            }  # fmt: skip
        contacts.append(about)
    return contacts


def _identifiers() -> list[dict[str, Any]]:
    seen = {"first_seen_at": NOW - timedelta(days=80), "last_seen_at": NOW - timedelta(days=2), "is_valid": True}
    return [
        {"person_id": MEI, "kind": "email", "value": MEI_EMAIL, "records_count": 2, "persons_count": 1,
         "sources": ["crm", "orders"], **seen},
        {"person_id": MEI, "kind": "email", "value": SHARED_EMAIL, "records_count": 1, "persons_count": 2,
         "sources": ["web_app"], **seen},
        {"person_id": MEI, "kind": "phone", "value": MEI_PHONE, "records_count": 1, "persons_count": 1,
         "sources": ["crm"], **seen},
    ]  # fmt: skip


def _households() -> list[dict[str, Any]]:
    return [
        {"household_id": "H1", "person_id": person, "kind": "declared", "role": role, "members_count": 2,
         "source": "crm", "valid_from": NOW - timedelta(days=400), "valid_to": None}
        for person, role in ((MEI, "head"), (TWIN, "sister"))
    ]  # fmt: skip


def _profile(person: str) -> dict[str, Any]:
    return {
        "person_id": person, "birth_year": 1985, "age_band": "40-49", "birth_date_source": "crm",
        "birth_date_updated_at": NOW - timedelta(days=90),
        "city": HOSTILE_VALUES["city"] if person == HOSTILE else "杭州", "address_source": "crm",
        "address_updated_at": NOW - timedelta(days=90), "tags": ["vip"] if person == MEI else [],
        "records_count": sum(row["person"] == person for row in RECORDS), "sources_count": 1,
        "events_count": BUSY_EVENTS if person == BUSY else 40, "orders_count": 3, "orders_total_cny": 420.5,
        "first_event_at": NOW - timedelta(days=3000), "last_event_at": NOW, "last_contact_at": NOW - timedelta(days=9),
    }  # fmt: skip


def _event(person: str, number: int, source: str, event_type: str, at: datetime) -> dict[str, Any]:
    return {
        "event_id": f"{source}:x:{number}", "person_id": person, "person_record_id": None, "source": source,
        "entity": "x", "event_type": event_type, "channel": "app", "detail": "settled", "order_id": f"O{number}",
        "case_id": None, "session_id": None, "campaign_id": None, "product_category": "savings", "branch_id": None,
        "amount_cny": 12.5, "score": None, "delay_minutes": None, "duration_ms": 1500, "event_at": at, "known_at": at,
        "landed_at": at, "batch_id": None,
    }  # fmt: skip


def _journey() -> list[dict[str, Any]]:
    events = [_event(MEI, -1, "crm", "customer_registered", NOW - timedelta(days=3000))]
    for number in range(39):
        source, event_type = (
            ("orders", "order_placed"),
            ("web_app", "page_viewed"),
            ("contact_centre", "complaint_made"),
        )[number % 3]
        events.append(_event(MEI, number, source, event_type, NOW - timedelta(days=4 * number + 1, minutes=number)))
    for number in range(BUSY_EVENTS):
        source = ("orders", "web_app", "campaigns")[number % 3] if number % 200 else "devices"
        events.append(_event(BUSY, 1000 + number, source, f"kind_{number % 7}", NOW - timedelta(minutes=40 * number)))
    return events


def _consents() -> list[dict[str, Any]]:
    def consent(
        purpose: str, channel: str, state: str, begin: int, end: int | None, *, known_to: datetime | None = None
    ) -> dict[str, Any]:
        return {
            "person_id": MEI, "purpose": purpose, "channel": channel, "consent_record_id": "crm:consents:1",
            "state": state, "valid_from": NOW - timedelta(days=begin),
            "valid_to": None if end is None else NOW - timedelta(days=end),
            "known_from": NOW - timedelta(days=begin if begin > 0 else 1), "known_to": known_to,
        }  # fmt: skip

    return [
        consent("marketing", "email", "granted", 900, None, known_to=NOW - timedelta(days=30)),
        consent("marketing", "email", "granted", 900, 30),
        consent("marketing", "email", "refused", 30, None),
        consent("marketing", "sms", "granted", 800, 10),
        consent("marketing", "sms", "expired", 10, None),
        consent("service", "any", "granted", 800, None),
        consent("research", "app", "not_yet", 1, -20),
    ]


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    overwrite(name, declared_rows(name, rows))


@dataclass(frozen=True)
class Served:
    """The page of a lake, served by a process of its own."""

    home: Path
    url: str
    process: subprocess.Popen[bytes]
    log: Path


def lake_at(home: Path) -> AbstractContextManager[pytest.MonkeyPatch]:
    """The lake at `home` as the lake of the test's own process."""
    return opened(lake_settings(home, now=NOW))


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """The page of the lake at `home`, as `lake up` starts it, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"page-{port}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "web.person", "--port", str(port)],
            cwd=PROJECT_ROOT, env=os.environ | lake_settings(home, now=NOW), stdout=said, stderr=said,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield Served(home, url, process, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def plain(answer: httpx.Response) -> str:
    """The text that a reader sees, in one line."""
    text = re.sub(r"<[^>]*>", " ", re.sub(r"</?bdi>", "", answer.text))
    return re.sub(r"\s+", " ", html.unescape(text))


@pytest.fixture(scope="module")
def person_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of the lake of five people."""
    home = tmp_path_factory.mktemp("persons") / "home"
    with lake_at(home):
        make()
    with served(home) as page:
        yield page


@pytest.fixture(scope="module")
def visitor(person_page: Served) -> Iterator[httpx.Client]:
    """What a browser sends from our own page."""
    with httpx.Client(
        base_url=person_page.url, headers={"Origin": person_page.url}, trust_env=False, timeout=60
    ) as client:
        yield client
