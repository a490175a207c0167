"""Why a person's records are one person, and what became of the id over time, on a terminal."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cli.screens.panels import panel, table, when
from cli.screens.printing import harmless
from contracts.wording import many

if TYPE_CHECKING:
    from identity.review.explain import Tie
    from persons.profile import Profile

#: Ties that are shown field by field.
MAX_TIES = 6


def why(file: "Profile") -> RenderableType | None:
    """The strongest tie of every record, summed up by system and reason, and the ties that say most, field by field."""
    summed: dict[tuple[str, str], list[float]] = {}
    for record in file.records:
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
    summary = table(("system", "records", "tied by", "strongest"), rows)
    strongest = table(("two records", "tied by", "because of"), [_tie_row(tie) for tie in _strongest(file.person_id)])
    if summary is None or strongest is None:
        return panel("Why these records are one person", summary or strongest)
    return panel("Why these records are one person", Group(summary, Text(), strongest))


def _strongest(person_id: str) -> list["Tie"]:
    """The strongest tie of each pair of systems and reason: what a reader would want to see, not hundreds.

    Those of most fields come first: one number, of records without a name, is in the summary already.
    """
    from identity.review.explain import ties_of

    distinct: dict[tuple[str, str, str], Tie] = {}
    for tie in ties_of(person_id):
        systems = sorted((tie.person_record_id_l.split(":")[0], tie.person_record_id_r.split(":")[0]))
        distinct.setdefault((systems[0], systems[1], tie.match_kind), tie)
    return sorted(distinct.values(), key=lambda tie: -len(tie.comparisons))[:MAX_TIES]


def _tie_row(tie: "Tie") -> tuple[str, str, str]:
    systems = " + ".join(
        harmless(person_record_id.split(":")[0])
        for person_record_id in (tie.person_record_id_l, tie.person_record_id_r)
    )
    weighed = [one for one in tie.comparisons if abs(one.weight_bits) >= 0.5]  # what would be shown as 0 is left out
    fields = ", ".join(f"{one.name.replace('_', ' ')} {one.weight_bits:+.0f}" for one in weighed)
    return systems, tie.match_kind.replace("_", " ").lower(), fields or "the same values"


def history(file: "Profile") -> RenderableType | None:
    """When the id was born, what it took in, and what was split from it."""
    lines = [Text(_ledger_line(file.person_id, event)) for event in file.ledger]
    return panel("History of the id", Group(*lines) if lines else None)


def _ledger_line(person_id: str, event: dict[str, Any]) -> str:
    at, other = when(event["event_at"]), event["other_person_id"]
    is_ours = event["person_id"] == person_id
    sentences = {
        "birth": "known since the run of",
        "merge": f"took in {other} on" if is_ours else f"became part of {event['person_id']} on",
        "split": f"was split from {other} on" if is_ours else f"{event['person_id']} was split off on",
        "move": f"received records of {other} on" if is_ours else f"gave records to {event['person_id']} on",
        "end": "lost its last record on",
    }
    of_records = f" ({many(event['records'], 'record')})" if event.get("records") else ""
    return f"{sentences.get(event['event_type'], event['event_type'])} {at}{of_records}"
