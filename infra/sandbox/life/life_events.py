"""What a window of time held for a block of people, as arrays: orders, deliveries, cases, claims and who left.

Shapes only; how they come about is in `journeys.py` and `churn.py`. References between them are places in arrays.
"""

from dataclasses import dataclass

import numpy as np

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import Window
from infra.sandbox.people.households import People
from infra.sandbox.rows.draw import MINUTE, Flags, Floats, Ints

NONE = -1


@dataclass
class Orders:
    """One value per order; `person` is a place in the block."""

    person: Ints
    at: Ints
    number: Ints
    is_favour: Flags


@dataclass
class Deliveries:
    """One value per promised service."""

    order: Ints
    person: Ints
    promised: Ints
    delay_minutes: Floats
    is_cancelled: Flags
    satisfaction: Floats
    case: Ints
    number: Ints

    @property
    def actual(self) -> Ints:
        """When it came."""
        return self.promised + (self.delay_minutes * MINUTE).astype(np.int64)


@dataclass
class Cases:
    """One value per matter that a person takes to the contact centre."""

    person: Ints
    at: Ints
    delivery: Ints
    difficulty: Floats
    is_vip_desk: Flags
    contacts: Ints
    transfers: Ints
    supervisor: Ints
    satisfaction: Floats
    number: Ints


@dataclass
class Contacts:
    """One value per contact of a case."""

    case: Ints
    place: Ints
    at: Ints
    transfers: Ints
    number: Ints


@dataclass
class Complaints:
    """One value per complaint; `amount` is 0 where no goodwill was given."""

    case: Ints
    at: Ints
    severity: Ints
    amount: Floats
    number: Ints


@dataclass
class Claims:
    """One value per claim."""

    person: Ints
    delivery: Ints
    at: Ints
    branch: Ints
    cycle_days: Floats
    number: Ints


@dataclass
class Listed:
    """One value per person on an action list."""

    person: Ints
    at: Ints
    is_trial: Flags
    is_treated: Flags
    is_contacted: Flags
    score: Floats
    number: Ints


@dataclass
class Journeys:
    """Everything that happened in one window to one block, and when each person left (`NEVER` where not)."""

    people: People
    window: Window
    orders: Orders
    deliveries: Deliveries
    cases: Cases
    contacts: Contacts
    complaints: Complaints
    claims: Claims
    listed: Listed
    left_at: Ints
    true_churn: Floats

    def here(self, person: Ints, at: Ints) -> Flags:
        """Whether the person was a customer at that moment, and the moment lies in the window."""
        return (at >= self.people.joined_at[person]) & (at < self.left_at[person]) & (at < self.window.end)

    def orders_kept(self) -> Flags:
        """Orders that took place."""
        return self.here(self.orders.person, self.orders.at)

    def deliveries_kept(self) -> Flags:
        """Promised services whose order took place."""
        return self.orders_kept()[self.deliveries.order]

    def cases_kept(self) -> Flags:
        """Cases that were opened."""
        return self.here(self.cases.person, self.cases.at)


def hours_late(deliveries: Deliveries) -> Floats:
    """Hours of delay as people feel them: none when early, no worse after four."""
    return np.clip(deliveries.delay_minutes / 60.0, 0.0, effects.DELAY_SATURATES_HOURS)
