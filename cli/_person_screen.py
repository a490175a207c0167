"""How one person's file looks on a terminal, 60 columns or 160: a panel for each question one has about a person."""

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from cli._person_why import history, why
from cli.screens.panels import cell, panel, short, table, when
from contracts.wording import many

if TYPE_CHECKING:
    from persons.profile import Golden, Profile

#: Below this many columns there is no room for a column of its own for what is said otherwise.
_WIDE = 110
_VALUES_PER_KIND = 6
_OTHERS_SHOWN = 6
#: Facts that another panel shows, or that nobody reads on a screen.
_SHOWN_ELSEWHERE = ("emails", "phones", "consents", "tags", "records_count", "sources_count", "events_count",
                    "first_event_at", "last_event_at", "email_token", "phone_token")  # fmt: skip


def draw(found: "Profile", console: Console) -> None:
    """Print the file, panel by panel; what is empty is left out."""
    is_wide = console.width >= _WIDE
    for part in (
        _head(found),
        _golden(found, is_wide),
        _households(found),
        _identifiers(found, is_wide),
        _consents(found),
        _facts(found, is_wide),
        _systems(found, is_wide),
        _last_events(found, is_wide),
        why(found),
        history(found),
    ):
        if part is not None:
            console.print(part)


def _head(found: "Profile") -> RenderableType:
    line = Text(name_of(found) or "nobody has told a name", style="bold")
    tags = found.facts.get("tags") or []
    if tags:
        line.append("  " + " · ".join(str(tag).replace("_", " ") for tag in tags), style="not bold cyan")
    known = len(found.sources)
    line.append(
        f"\n{many(len(found.records), 'record')} in {known} of {known + len(found.silent_sources)} systems, "
        f"{many(sum(source['events'] for source in found.sources), 'event')}",
        style="not bold",
    )
    first, last = found.facts.get("first_event_at"), found.facts.get("last_event_at")
    if first is not None:
        line.append(f" from {when(first, False)} to {when(last, False)}", style="not bold")
    if found.asked_for is not None:
        line.append("\n" + _asked(found), style="not bold yellow")
    return Panel(line, title=found.person_id, title_align="left", padding=(0, 1), border_style="bold")


def name_of(found: "Profile") -> str:
    """The golden name, in one or two parts; empty where nobody has told one."""
    values = next((item.values for item in found.golden if item.attribute == "name"), {})
    return values.get("full_name") or " ".join(filter(None, (values.get("given_name"), values.get("family_name"))))


def _asked(found: "Profile") -> str:
    """What became of the id that was asked for."""
    step = next((former for former in found.former_ids if former["person_id"] == found.asked_for), None)
    if step is None:
        return f"{found.asked_for} is nobody's id any more: most of its records are this person's now"
    by_way = "" if step["merged_into"] == found.person_id else f", by way of {step['merged_into']}"
    return f"{found.asked_for} was merged into this person on {when(step['event_at'], False)}{by_way}"


def _golden(found: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for item in found.golden:
        if item.source is None:
            continue
        value = Text(_reads(item))
        if item.is_valid is False:
            value.append("  doubtful", style="red")
        origin = Text(item.source)
        if item.sources_count is not None and item.sources_count > 1:
            origin.append(f" +{item.sources_count - 1}", style="dim")
        other = _runner_up(item)
        attribute = item.attribute.replace("_", " ")
        if is_wide:
            rows.append((attribute, value, origin, when(item.at, False), other or Text("")))
        else:
            rows.append((attribute, Group(value, other) if other else value, origin, when(item.at, False)))
    columns = ("attribute", "value", "from", "as of") + (("said otherwise",) if is_wide else ())
    return panel("Golden values", table(columns, rows), empty="no system has told a name, a number or an address")


def _reads(item: "Golden") -> str:
    values = {name: value for name, value in item.values.items() if value is not None}
    if item.attribute == "name" and "full_name" in values:
        parts = [f"{part} {values[f'{part}_name']}" for part in ("family", "given") if f"{part}_name" in values]
        return str(values["full_name"]) + (f" ({', '.join(parts)})" if parts else "")
    if item.attribute == "birth_date" and "birth_date" in values:
        return str(values["birth_date"]) + (f" ({values['age_band']})" if "age_band" in values else "")
    if item.attribute == "customer":
        words = [values.get("tier"), values.get("status"), "employee" if values.get("is_employee") else None]
        since = values.get("customer_since")
        return ", ".join(filter(None, [*words, f"since {since}" if since else None]))
    return ", ".join(cell(value) for value in values.values())


def _runner_up(item: "Golden") -> Text | None:
    if item.runner_up is None:
        return None
    line = Text(item.runner_up.value, style="yellow")
    line.append(f"  {item.runner_up.source} {when(item.runner_up.at, False)}", style="dim")
    line.append(f", lost by {item.decided_by}".replace("_", " "), style="dim")
    return line


def _households(found: "Profile") -> RenderableType | None:
    rows = []
    for row in found.households:
        others = [
            (other["full_name"] or other["person_id"]) + (f" ({other['role']})" if other["role"] else "")
            for other in row["others"]
        ]
        ended = "" if row["valid_to"] is None else f" to {when(row['valid_to'], False)}"
        rows.append(
            (
                {"declared": "declared by CRM", "shared_address": "lives at one address (derived)"}[row["kind"]],
                row["role"] or "",
                f"since {when(row['valid_from'], False)}{ended}",
                f"{row['members_count']}",
                short(others, _OTHERS_SHOWN),
            )
        )
    return panel("Households", table(("household", "role", "when", "people", "who else"), rows))


def _identifiers(found: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for kind, values in found.identifiers.items():
        held = [row for row in found.identifier_rows if row["kind"] == kind]
        for number, row in enumerate(held[:_VALUES_PER_KIND]):
            value = Text(row["value"], style="" if row["is_valid"] else "strike dim")
            if not row["is_valid"]:
                value.append(" not valid", style="not strike red")
            elif row["persons_count"] > 1:
                value.append(f" shown by {row['persons_count']} people", style="yellow")
            first, last = when(row["first_seen_at"], False), when(row["last_seen_at"], False)
            seen = (first, last) if is_wide else (last,)
            rows.append(
                (
                    kind.replace("_", " ") if number == 0 else "",
                    value,
                    ", ".join(row["sources"]) if is_wide else many(len(row["sources"]), "system"),
                    *seen,
                )
            )
        if len(values) > _VALUES_PER_KIND:
            rows.append(("", Text(f"… {len(values) - _VALUES_PER_KIND} more", style="dim"), ""))
    columns = ("kind", "value", "systems", *(("first seen", "last seen") if is_wide else ("last seen",)))
    return panel("Identifiers", table(columns, rows))


def _consents(found: "Profile") -> RenderableType | None:
    """Each purpose with the channels it holds on; CRM alone keeps consents, so who is not there has none to show."""
    asked = [name[4:-8] for name in found.facts if name.startswith("has_") and name.endswith("_consent")]
    if not any(source["source"] == "crm" for source in found.sources):
        return None
    held: dict[str, list[str]] = {}
    for consent in found.facts.get("consents") or []:
        purpose, _, channel = str(consent).partition(":")
        held.setdefault(purpose, []).append(channel)
    line = Text()
    for number, purpose in enumerate(asked):
        line.append("   " if number else "")
        if purpose in held:
            line.append(f"{purpose} ", style="green")
            line.append(f"({', '.join(held[purpose])})", style="dim")
        else:
            line.append(f"no {purpose}", style="red")
    return panel("Consents that hold now", line)


def _facts(found: "Profile", is_wide: bool) -> RenderableType | None:
    """What the profile counts, several to a line; what is empty or false says nothing and is left out."""
    told = [
        (name.removesuffix("_count").replace("_", " "), cell(value))
        for name, value in found.facts.items()
        if value not in (None, 0, False, [], "")
        and name not in _SHOWN_ELSEWHERE
        and not name.endswith(("_is_valid", "_consent"))
        and not isinstance(value, dict)
        and not (isinstance(value, list) and isinstance(value[0], dict))
    ]
    per_line = 3 if is_wide else 2
    told += [("", "")] * (-len(told) % per_line)
    lines = [tuple(word for pair in told[at : at + per_line] for word in pair) for at in range(0, len(told), per_line)]
    return panel("What is known", table(("",) * 2 * per_line, lines))


def _systems(found: "Profile", is_wide: bool) -> RenderableType | None:
    """Which systems know this person, and the journey there."""
    rows: list[tuple[RenderableType, ...]] = []
    for source in found.sources:
        done = [line for line in found.journey if line["source"] == source["source"]]
        words = [f"{line['events']:,} {line['event_type'].replace('_', ' ')}" for line in done]
        first, last = (when(source[name], False) for name in ("first_event_at", "last_event_at"))
        counted = (source["source"], f"{source['records']:,}", f"{source['events']:,}", first, last)
        rows.append((*counted, short(words, 4)) if is_wide else counted)
    columns = ("system", "records", "events", "first", "last", *(("journey",) if is_wide else ()))
    body: RenderableType | None = table(columns, rows)
    if body is not None and found.silent_sources:
        body = Group(body, Text("not in " + ", ".join(found.silent_sources), style="dim"))
    return panel("Systems that know this person", body)


def _last_events(found: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for event in found.last_events:
        about = [event.get(name) for name in ("detail", "product_category", "order_id", "case_id")]
        if event.get("amount_cny") is not None:
            about.append(f"{event['amount_cny']:,.2f} CNY")
        words = ", ".join(str(value) for value in about if value)
        what = event["event_type"].replace("_", " ")
        if is_wide:
            rows.append((when(event["event_at"]), event["source"], what, event.get("channel") or "", words))
        else:
            rows.append((when(event["event_at"]), what, words))
    columns = ("when", "system", "what", "channel", "about") if is_wide else ("when", "what", "about")
    return panel("Last events", table(columns, rows))
