"""Why a person's records are one person, and what became of the id over time, on a terminal."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli._panels import many, panel, table, when

if TYPE_CHECKING:
    from identity.profile import Profile


def why(found: "Profile") -> RenderableType | None:
    """The strongest tie of every record, summed up by system and reason."""
    summed: dict[tuple[str, str], list[float]] = {}
    for record in found.records:
        summed.setdefault((record["source"], record["match_kind"]), []).append(record["match_strength"])
    rows = [
        (
            source,
            f"{len(strengths):,}",
            "by itself" if kind == "SINGLETON" else kind.replace("_", " ").lower(),
            f"{max(strengths):.0f} bits",
        )
        for (source, kind), strengths in sorted(summed.items())
    ]
    return panel("Why these records are one person", table(("system", "records", "tied by", "strongest"), rows))


def history(found: "Profile") -> RenderableType | None:
    """When the id was born, what it took in, and what was parted from it."""
    lines = [Text(_ledger_line(found.person_id, event)) for event in found.ledger]
    return panel("History of the id", Group(*lines) if lines else None)


def _ledger_line(person_id: str, event: dict[str, Any]) -> str:
    at, other = when(event["event_at"]), event["other_person_id"]
    is_ours = event["person_id"] == person_id
    said = {
        "birth": "known since the run of",
        "merge": f"took in {other} on" if is_ours else f"became part of {event['person_id']} on",
        "split": f"was parted from {other} on" if is_ours else f"{event['person_id']} was parted off on",
        "move": f"received records of {other} on" if is_ours else f"gave records to {event['person_id']} on",
        "end": "lost its last record on",
    }
    of_records = f" ({many(event['records'], 'record')})" if event.get("records") else ""
    return f"{said.get(event['event_type'], event['event_type'])} {at}{of_records}"
