"""`lake profile`: one person's file on the screen. What is in it is gathered by `identity/profile.py`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from identity.profile import Profile


class ProfileUsageError(LakeError):
    """The person was not asked for in exactly one way."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add `lake profile`."""
    app.command("profile")(profile)


def profile(
    person_id: Annotated[str | None, typer.Argument(help="Id of the person.", show_default=False)] = None,
    email: Annotated[str | None, typer.Option(help="Look up by an e-mail address of the person.")] = None,
    phone: Annotated[str | None, typer.Option(help="Look up by a telephone number of the person.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """One person's file: golden values with their sources, identifiers, journey, and why it is one person."""
    if sum(value is not None for value in (person_id, email, phone)) != 1:
        raise ProfileUsageError(
            "a person is looked up by an id, an e-mail or a phone number",
            cure="give one: lake profile p_… or --email or --phone",
        )
    from dataclasses import asdict

    from identity.find import find_person
    from identity.profile import read_profile

    found = read_profile(find_person(person_id=person_id, email=email, phone=phone), asked_for=person_id)
    if json:
        from cli._screen import print_json

        print_json(asdict(found))
        return
    _show(found)


def _show(found: "Profile") -> None:
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    for part in (
        _head(found),
        _golden(found),
        _facts(found),
        _identifiers(found),
        _sources(found),
        _events(found),
        _why(found),
    ):
        if part is not None:
            console.print(part)


def _head(found: "Profile") -> "RenderableType":
    from rich.panel import Panel
    from rich.text import Text

    values = {name: value for item in found.golden for name, value in item.values.items()}
    name = values.get("full_name") or " ".join(filter(None, (values.get("given_name"), values.get("family_name"))))
    line = Text(name or "nobody has told a name", style="bold")
    where = [source["source"] for source in found.sources]
    line.append(f"\n{len(found.records)} records in {len(where)} of the systems: {', '.join(where)}", style="not bold")
    for event in found.ledger:
        line.append("\n" + _ledger_line(found.person_id, event), style="not bold dim")
    return Panel(line, title=found.person_id, title_align="left", padding=(0, 1))


def _ledger_line(person_id: str, event: dict[str, Any]) -> str:
    at, other = _when(event["event_at"]), event["other_person_id"]
    is_ours = event["person_id"] == person_id
    said = {
        "birth": "known since the run of",
        "merge": f"took in {other} on" if is_ours else f"became part of {event['person_id']} on",
        "split": f"was parted from {other} on" if is_ours else f"{event['person_id']} was parted off on",
        "move": f"received records of {other} on" if is_ours else f"gave records to {event['person_id']} on",
        "end": "lost its last record on",
    }
    return f"{said.get(event['event_type'], event['event_type'])} {at}"


def _golden(found: "Profile") -> "RenderableType | None":
    rows = []
    for item in found.golden:
        values = {name: value for name, value in item.values.items() if value is not None and value != []}
        if not values:
            continue
        first = True
        for name, value in values.items():
            rows.append(
                (
                    name.replace("_", " "),
                    _value(value),
                    (item.source or "") if first else "",
                    _when(item.at) if first else "",
                )
            )
            first = False
    return _table("Golden values", ("attribute", "value", "from", "as of"), rows)


def _facts(found: "Profile") -> "RenderableType | None":
    """Counts, consents and tags, two to a line; what is empty or false says nothing and is left out."""
    told = [
        (name.replace("_", " "), _value(value))
        for name, value in found.facts.items()
        if value not in (None, 0, False, [], "") and not isinstance(value, dict) and name not in ("emails", "phones")
        and not (isinstance(value, list) and value and isinstance(value[0], dict))
    ]  # fmt: skip
    half = (len(told) + 1) // 2
    left, right = told[:half], told[half:] + [("", "")] * (2 * half - len(told))
    return _table(
        "What is known", ("fact", "value", "fact", "value"), [(*a, *b) for a, b in zip(left, right, strict=False)]
    )


def _identifiers(found: "Profile") -> "RenderableType | None":
    rows = [
        (kind.replace("_", " "), str(len(values)), ", ".join(values[:6]) + (", …" if len(values) > 6 else ""))
        for kind, values in found.identifiers.items()
    ]
    return _table("Identifiers", ("kind", "how many", "values"), rows)


def _sources(found: "Profile") -> "RenderableType | None":
    """Which systems know this person, and the journey there."""
    rows = []
    for source in found.sources:
        done = [line for line in found.journey if line["source"] == source["source"]]
        words = [f"{line['events']:,} {line['event_type'].replace('_', ' ')}" for line in done[:4]]
        first, last = (_when(source[name], False) for name in ("first_event_at", "last_event_at"))
        journey = ", ".join(words) + (", …" if len(done) > 4 else "")
        rows.append((source["source"], f"{source['records']:,}", f"{source['events']:,}", first, last, journey))
    return _table("Systems that know this person", ("system", "records", "events", "first", "last", "journey"), rows)


def _events(found: "Profile") -> "RenderableType | None":
    rows = []
    for event in found.last_events:
        about = [event.get(name) for name in ("detail", "product_category", "order_id", "case_id")]
        if event.get("amount_cny") is not None:
            about.append(f"{event['amount_cny']:,.2f} CNY")
        words = ", ".join(str(value) for value in about if value)
        what = event["event_type"].replace("_", " ")
        rows.append((_when(event["event_at"]), event["source"], what, event.get("channel") or "", words))
    return _table("Last events", ("when", "system", "what", "channel", "about"), rows)


def _why(found: "Profile") -> "RenderableType | None":
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
    return _table("Why these records are one person", ("system", "records", "tied by", "strongest"), rows)


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> "RenderableType | None":
    from rich import box
    from rich.table import Table

    if not rows:
        return None
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(
            column,
            overflow="fold",
            no_wrap=number == 0,
            justify="right" if column in ("records", "events", "how many") else "left",
        )
    for row in rows:
        table.add_row(*row)
    return table


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value[:8])) + (", …" if len(value) > 8 else "")
    if isinstance(value, float):
        return f"{value:,.2f}"
    if hasattr(value, "hour"):
        return _when(value)
    return str(value)


def _when(moment: Any, with_time: bool = True) -> str:
    if moment is None:
        return ""
    if moment.year == 1900:
        return "the beginning"
    return f"{moment:%Y-%m-%d %H:%M}" if with_time and hasattr(moment, "hour") else f"{moment:%Y-%m-%d}"
