"""Wearables, vehicles and branch sensors. It knows a serial number, and the account that registered it.

Gateways deliver in batches; a wearable's clock may be hours off.
"""

import numpy as np
import pyarrow as pa

from contracts.contract_file import load_contract
from infra.sandbox.life.calendar import Window
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.households import People
from infra.sandbox.people.system_views import Accounts
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import DAY, HOUR, MINUTE, Draw, Flags, Ints, Text, numbered, only, stamps, text

#: Branches with a sensor.
SENSORS = 8
_KINDS = ("wearable", "vehicle", "branch_sensor")
#: Metric, unit, kind, mean, deviation, threshold as a person might set it.
_METRICS = (
    ("heart_rate", "bpm", 0, 74.0, 11.0, 110.0),
    ("steps", "count", 0, 6_200.0, 2_400.0, 3_000.0),
    ("spo2", "percent", 0, 97.0, 1.2, 92.0),
    ("speed", "km_h", 1, 48.0, 22.0, 120.0),
    ("fuel_level", "percent", 1, 55.0, 24.0, 10.0),
    ("harsh_braking", "count", 1, 1.0, 1.2, 5.0),
    ("temperature", "celsius", 2, 22.0, 2.5, 28.0),
    ("footfall", "count", 2, 140.0, 60.0, 400.0),
)


def make(journeys: Journeys, accounts: Accounts) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("devices"))
    draw = journeys.window.draw(100)
    people, window = journeys.people, journeys.window
    fixed = Draw(window.seed, window.block, 101)
    count = len(people)
    owned = (fixed.flags(count, 0.22), fixed.flags(count, 0.09))
    registered = np.maximum(people.joined_at, window.world_start - 1) + fixed.between(0, 60 * 24, count) * HOUR
    consents = fixed.flags(count, 0.7)
    _registrations(
        out,
        window=window,
        people=people,
        accounts=accounts,
        left_at=journeys.left_at,
        owned=owned,
        registered=registered,
        consents=consents,
    )
    for kind, per_year in ((0, 14.0), (1, 18.0)):
        person, at = window.happen(draw, people, np.where(owned[kind], per_year, 0.0))
        keep = np.flatnonzero(journeys.here(person, at) & (at > registered[person]) & (consents[person] | (kind == 1)))
        person, at = person[keep], at[keep]
        _readings(
            out,
            draw=draw,
            window=window,
            kind=kind,
            person=people.number[person],
            serial=serials(kind, people.number[person]),
            at=at,
        )
    if window.block == 0:
        _branch_readings(out, draw, window)
    return out


def serials(kind: int, number: Ints) -> Text:
    """Serial numbers: of a person's device, or of a branch's sensor."""
    return numbered(("WB-", "VH-", "BS-")[kind], 1_000_000_000 + (number * 1_000_003) % 1_000_000_007)


def _registrations(
    out: Shaped,
    *,
    window: Window,
    people: People,
    accounts: Accounts,
    left_at: Ints,
    owned: tuple[Flags, Flags],
    registered: Ints,
    consents: Flags,
) -> None:
    for kind in (0, 1):
        rows = np.flatnonzero(
            owned[kind] & (registered >= window.start) & (registered < window.end) & (registered < left_at)
        )
        out.add(
            "registrations",
            person=people.number[rows],
            delivered=registered[rows] + 20 * MINUTE,
            columns={
                "device_registration_id": numbered(("RW", "RV")[kind], people.number[rows]),
                "device_serial": serials(kind, people.number[rows]),
                "account_id": text(accounts.account_id, accounts.of_person[rows]),
                "kind": _KINDS[kind],
                "has_health_consent": consents[rows] & (kind == 0),
                "registered_at": stamps(registered[rows]),
                "event_at": registered[rows],
            },
        )


def _readings(out: Shaped, *, draw: Draw, window: Window, kind: int, person: Ints, serial: Text, at: Ints) -> None:
    size = len(at)
    places = [place for place, metric in enumerate(_METRICS) if metric[2] == kind]
    metric = np.array(places, dtype=np.int64)[draw.between(0, len(places), size)]
    mean, deviation, threshold = (np.array([m[column] for m in _METRICS])[metric] for column in (3, 4, 5))
    value = np.maximum(mean + deviation * draw.rng.standard_normal(size), 0)
    value = np.where(np.isin(metric, (2, 4)), np.minimum(value, 100), value)
    out.add(
        "readings",
        person=person,
        delivered=at // HOUR * HOUR + HOUR + draw.exponential(5 * MINUTE, size),
        columns={
            "reading_id": numbered(("MW", "MV", "MB")[kind], window.numbers(size)),
            "device_serial": serial,
            "kind": _KINDS[kind],
            "metric": text([m[0] for m in _METRICS], metric),
            "unit": text([m[1] for m in _METRICS], metric),
            "value": np.round(value, 2),
            "threshold": only((person % 3 == 0) & (kind == 0), pa.array(threshold)),
            "event_at": at,
        },
    )


def _branch_readings(out: Shaped, draw: Draw, window: Window) -> None:
    """The sensors of some branches, once a day: nobody's record."""
    branch = np.repeat(np.arange(SENSORS, dtype=np.int64), window.days)
    day = np.tile(np.arange(window.days, dtype=np.int64), SENSORS)
    at = window.start + day * DAY + 16 * HOUR + draw.between(0, 10 * MINUTE, len(day))
    _readings(
        out,
        draw=draw,
        window=window,
        kind=2,
        person=np.full(len(day), -1, dtype=np.int64),
        serial=serials(2, branch),
        at=at,
    )
    if window.stretch == 0:
        sensors = np.arange(SENSORS, dtype=np.int64)
        since = np.full(SENSORS, window.world_start + HOUR, dtype=np.int64)
        out.add(
            "registrations",
            person=np.full(SENSORS, -1, dtype=np.int64),
            delivered=since + 20 * MINUTE,
            columns={
                "device_registration_id": numbered("RB", sensors),
                "device_serial": serials(2, sensors),
                "kind": _KINDS[2],
                "has_health_consent": False,
                "registered_at": stamps(since),
                "event_at": since,
            },
        )
