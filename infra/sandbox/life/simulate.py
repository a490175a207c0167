"""One stretch of the world: block by block, people live through it, and their rows wait for their day."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from infra.sandbox.life.calendar import NEVER, STRETCH_DAYS, Window
from infra.sandbox.life.journeys import simulate
from infra.sandbox.life.life_events import Journeys, hours_late
from infra.sandbox.people.households import People, make_people
from infra.sandbox.people.system_views import make_accounts, make_crm_records, make_digital
from infra.sandbox.rows import waiting_rows
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import DAY, Ints, stamps
from infra.sandbox.rows.troubles import Plan, troubled
from infra.sandbox.systems import (
    app_performance,
    campaigns,
    contact_centre,
    crm,
    devices,
    orders,
    service_delivery,
    voice_of_customer,
    web_app,
)
from infra.sandbox.systems.service_delivery import delivery_ids
from infra.sandbox.truth import write

#: People that live at once. 25,000 x 365 days need about 1.5 GB while they are made.
BLOCK = 25_000
Progress = Callable[..., None]


@dataclass(frozen=True)
class World:
    """What a world is made from. Times are microseconds since 1970."""

    persons: int
    days: int
    seed: int
    end: int

    @property
    def start(self) -> int:
        """Midnight of the first day."""
        return self.end - self.days * DAY

    def blocks(self) -> Iterator[tuple[int, int, int]]:
        """Number, first person and count of each block."""
        for block, first in enumerate(range(0, self.persons, BLOCK)):
            yield block, first, min(BLOCK, self.persons - first)

    def window(self, stretch: int, block: int) -> Window:
        """The time that a stretch covers, for one block."""
        start = self.start if stretch == 0 else self.end + (stretch - 1) * STRETCH_DAYS * DAY
        end = self.end if stretch == 0 else start + STRETCH_DAYS * DAY
        return Window(
            self.seed, block=block, stretch=stretch, start=start, end=end, world_start=self.start, world_end=self.end
        )

    def stretch_of(self, day: int) -> int:
        """Which stretch a day (since 1970) belongs to."""
        return 0 if day * DAY < self.end else 1 + (day - self.end // DAY) // STRETCH_DAYS


def pending(root: Path, stretch: int) -> Path:
    """Where the rows of a stretch wait."""
    return root / "truth" / "pending" / f"{stretch:04d}"


def live(world: World, *, root: Path, stretch: int, planned: Plan, progress: Progress | None = None) -> None:
    """Simulate one stretch for all people into its folder; a folder that is there is complete."""
    folder = pending(root, stretch)
    if folder.exists():
        return
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    left_before = np.full(world.persons, NEVER) if stretch == 0 else np.load(pending(root, stretch - 1) / "left.npy")
    left = left_before.copy()
    with write.appended(root / "truth" if stretch == 0 else temporary, "persons", "journeys", "cases") as truth:
        for block, first, count in world.blocks():
            if progress:
                progress("people live through the days", first / world.persons)
            window = world.window(stretch, block)
            people = make_people(world.seed, block=block, first=first, count=count, start=world.start, end=world.end)
            lived = simulate(people, window, left_before[first : first + count])
            left[first : first + count] = lived.left_at
            for system in systems(lived):
                for entity, table in system:
                    waiting_rows.put(
                        temporary,
                        entity=entity,
                        block=block,
                        table=troubled(entity, table=table, window=window, planned=planned),
                    )
            _write_truth(truth, lived, stretch)
    np.save(temporary / "left.npy", left)
    temporary.rename(folder)


def systems(lived: Journeys) -> Iterator[Shaped]:
    """The rows of all nine systems, one system at a time."""
    people, window = lived.people, lived.window
    accounts = make_accounts(window.seed, window.block, people)
    digital = make_digital(window.seed, window.block, people)
    crm_person, crm_records = make_crm_records(window.seed, window.block, people, since=window.world_start)
    yield crm.make(lived)
    yield orders.make(lived, accounts)
    yield service_delivery.make(lived, accounts)
    yield contact_centre.make(lived, crm_person, crm_records["crm_id"].combine_chunks())
    yield campaigns.make(lived)
    yield voice_of_customer.make(lived)
    yield web_app.make(lived, accounts, digital)
    yield app_performance.make(lived, digital)
    yield devices.make(lived, accounts)


def _write_truth(truth: write.Appender, lived: Journeys, stretch: int) -> None:
    if stretch == 0:
        truth.add("persons", _persons(lived.people, lived.left_at, lived.true_churn))
    deliveries, cases = lived.deliveries, lived.cases
    kept_deliveries = np.flatnonzero(lived.deliveries_kept())
    chosen = pa.array(kept_deliveries)
    truth.add(
        "journeys",
        pa.table(
            {
                "delivery_id": delivery_ids(deliveries.number).take(chosen),
                "person": write.person_ids(lived.people.number[deliveries.person[kept_deliveries]]),
                "hours_late": hours_late(deliveries)[kept_deliveries],
                "contacts": np.where(deliveries.case >= 0, _contacts(lived), 0)[kept_deliveries],
                "satisfaction": deliveries.satisfaction[kept_deliveries],
            }
        ),
    )
    kept_cases = np.flatnonzero(lived.cases_kept())
    truth.add(
        "cases",
        pa.table(
            {
                "case_id": contact_centre.case_ids(cases.number).take(pa.array(kept_cases)),
                "person": write.person_ids(lived.people.number[cases.person[kept_cases]]),
                "opened_at": stamps(cases.at[kept_cases]),
                "transfers": cases.transfers[kept_cases],
                "contacts": cases.contacts[kept_cases],
                "supervisor_requests": cases.supervisor[kept_cases],
                "is_vip_desk": cases.is_vip_desk[kept_cases],
                "satisfaction": cases.satisfaction[kept_cases],
            }
        ),
    )


def _contacts(lived: Journeys) -> Ints:
    cases = lived.cases.contacts
    return cases[lived.deliveries.case] if len(cases) else np.zeros(len(lived.deliveries.case), dtype=np.int64)


def _persons(people: People, left_at: Ints, true_churn: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pa.Table:
    has_left = left_at < NEVER
    return pa.table(
        {
            "person": write.person_ids(people.number),
            "household": people.household,
            "role": people.role,
            "is_twin": people.is_twin,
            "is_male": people.is_male,
            "birth_date": pa.array(people.birth_day.astype(np.int32)).cast(pa.date32()),
            "email": people.email,
            "phone": people.phone,
            "national_id": people.national_id,
            "loyalty_no": people.loyalty_no,
            "tier": people.tier,
            "is_employee": people.is_employee,
            "is_proxy_postcode": people.is_proxy,
            "branch": people.branch,
            "risk": people.risk,
            "uplift_segment": people.segment,
            "preferred_channel": people.channel,
            "preferred_hour": people.hour,
            "joined_at": stamps(people.joined_at),
            "left_at": pa.compute.if_else(pa.array(has_left), stamps(np.where(has_left, left_at, 0)), None),
            "churn_chance": true_churn,
        }
    )
