"""How one person's file looks on a terminal, 60 columns or 160: a panel for each question one has about a person."""

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from cli._person_why import history, why
from cli.screens.panels import cell, panel, short, table, when
from cli.screens.printing import harmless
from contracts.wording import many

if TYPE_CHECKING:
    from governance.consent import Consent
    from persons.profile import Golden, Profile

#: Below this many columns there is no room for a column of its own for what is said otherwise.
_WIDE = 110
_VALUES_PER_KIND = 6
_OTHERS_SHOWN = 6
_CONSENT_STYLES = {"granted": "green", "refused": "red", "expired": "yellow"}
#: Facts that another panel shows, or that nobody reads on a screen.
_SHOWN_ELSEWHERE = ("emails", "phones", "consents", "tags", "records_count", "sources_count", "events_count",
                    "first_event_at", "last_event_at", "email_token", "phone_token")  # fmt: skip


def draw(file: "Profile", console: Console) -> None:
    """Print the file, panel by panel; what is empty is left out."""
    is_wide = console.width >= _WIDE
    for part in (
        _head(file),
        _golden(file, is_wide),
        _households(file),
        _identifiers(file, is_wide),
        _consents(file),
        _facts(file, is_wide),
        _systems(file, is_wide),
        _last_events(file, is_wide),
        why(file),
        history(file),
    ):
        if part is not None:
            console.print(part)


def _head(file: "Profile") -> RenderableType:
    line = Text(name_of(file) or "no name is known", style="bold")
    tags = file.facts.get("tags") or []
    if tags:
        line.append("  " + " · ".join(str(tag).replace("_", " ") for tag in tags), style="not bold cyan")
    systems = len(file.sources)
    line.append(
        f"\n{many(len(file.records), 'record')} in {systems} of {systems + len(file.silent_sources)} systems, "
        f"{many(sum(source['events'] for source in file.sources), 'event')}",
        style="not bold",
    )
    first, last = file.facts.get("first_event_at"), file.facts.get("last_event_at")
    if first is not None:
        line.append(f" from {when(first, False)} to {when(last, False)}", style="not bold")
    if file.asked_for is not None:
        line.append("\n" + _asked(file), style="not bold yellow")
    return Panel(line, title=file.person_id, title_align="left", padding=(0, 1), border_style="bold")


def name_of(file: "Profile") -> str:
    """The golden name, in one or two parts; empty where no system has one."""
    values = next((item.values for item in file.golden if item.attribute == "name"), {})
    return values.get("full_name") or " ".join(filter(None, (values.get("given_name"), values.get("family_name"))))


def _asked(file: "Profile") -> str:
    """What became of the id that was asked for."""
    step = next((former for former in file.former_ids if former["person_id"] == file.asked_for), None)
    if step is None:
        return f"{file.asked_for} is nobody's id any more: most of its records are this person's now"
    by_way = "" if step["merged_into"] == file.person_id else f", by way of {step['merged_into']}"
    return f"{file.asked_for} was merged into this person on {when(step['event_at'], False)}{by_way}"


def _golden(file: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for item in file.golden:
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
    columns = ("attribute", "value", "from", "as of") + (("runner-up",) if is_wide else ())
    return panel("Golden values", table(columns, rows), empty="no system has a name, a number or an address")


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


def _households(file: "Profile") -> RenderableType | None:
    rows = []
    for row in file.households:
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


def _identifiers(file: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for kind, values in file.identifiers.items():
        of_kind = [row for row in file.identifier_rows if row["kind"] == kind]
        for number, row in enumerate(of_kind[:_VALUES_PER_KIND]):
            value = Text(row["value"], style="" if row["is_valid"] else "strike dim")
            if not row["is_valid"]:
                value.append(" not valid", style="not strike red")
            elif row["persons_count"] > 1:
                value.append(f" shown by {row['persons_count']} people", style="yellow")
            first, last = when(row["first_seen_at"], False), when(row["last_seen_at"], False)
            seen_columns = (first, last) if is_wide else (last,)
            rows.append(
                (
                    kind.replace("_", " ") if number == 0 else "",
                    value,
                    ", ".join(row["sources"]) if is_wide else many(len(row["sources"]), "system"),
                    *seen_columns,
                )
            )
        if len(values) > _VALUES_PER_KIND:
            rows.append(("", Text(f"… {len(values) - _VALUES_PER_KIND} more", style="dim"), ""))
    columns = ("kind", "value", "systems", *(("first seen", "last seen") if is_wide else ("last seen",)))
    return panel("Identifiers", table(columns, rows))


def _consents(file: "Profile") -> RenderableType | None:
    """The state of each consent that was ever declared, by purpose; a purpose that is missing was never asked about."""
    from governance.consent import read_consents
    from lake.sql.connections import connect

    with connect() as con:
        consents = read_consents(con, file.person_id)
    rows: list[tuple[RenderableType, ...]] = []
    for purpose, of_purpose in groupby(consents or [], key=lambda consent: consent.purpose):
        line = Text()
        for consent in of_purpose:
            line.append(", " if line else "")
            line.append(harmless(consent.channel), style=_CONSENT_STYLES.get(consent.state, ""))
            line.append(f" {_consent_words(consent)}", style="dim")
        rows.append((harmless(purpose), line))
    return panel("Consents", table(("purpose", "by channel"), rows))


def _consent_words(consent: "Consent") -> str:
    since = when(consent.valid_from, False)
    if consent.state == "granted":
        return f"granted since {since}" + (f" until {when(consent.valid_to, False)}" if consent.valid_to else "")
    if consent.state == "not_yet":
        return f"not yet, from {when(consent.valid_to, False)}"
    return f"{consent.state} {since}"


def _facts(file: "Profile", is_wide: bool) -> RenderableType | None:
    """What the profile counts, several to a line; what is empty or false says nothing and is left out."""
    facts = [
        (name.removesuffix("_count").replace("_", " "), cell(value))
        for name, value in file.facts.items()
        if value not in (None, 0, False, [], "")
        and name not in _SHOWN_ELSEWHERE
        and not name.endswith(("_is_valid", "_consent"))
        and not isinstance(value, dict)
        and not (isinstance(value, list) and isinstance(value[0], dict))
    ]
    per_line = 3 if is_wide else 2
    facts += [("", "")] * (-len(facts) % per_line)
    lines = [
        tuple(word for pair in facts[at : at + per_line] for word in pair) for at in range(0, len(facts), per_line)
    ]
    return panel("What is known", table(("",) * 2 * per_line, lines))


def _systems(file: "Profile", is_wide: bool) -> RenderableType | None:
    """Which systems know this person, and the journey there."""
    rows: list[tuple[RenderableType, ...]] = []
    for source in file.sources:
        of_source = [line for line in file.journey if line["source"] == source["source"]]
        words = [f"{line['events']:,} {line['event_type'].replace('_', ' ')}" for line in of_source]
        first, last = (when(source[name], False) for name in ("first_event_at", "last_event_at"))
        counted = (source["source"], f"{source['records']:,}", f"{source['events']:,}", first, last)
        rows.append((*counted, short(words, 4)) if is_wide else counted)
    columns = ("system", "records", "events", "first", "last", *(("journey",) if is_wide else ()))
    body: RenderableType | None = table(columns, rows)
    if body is not None and file.silent_sources:
        body = Group(body, Text("not in " + ", ".join(file.silent_sources), style="dim"))
    return panel("Systems that know this person", body)


def _last_events(file: "Profile", is_wide: bool) -> RenderableType | None:
    rows: list[tuple[RenderableType, ...]] = []
    for event in file.last_events:
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
