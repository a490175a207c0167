"""`lake identity review`: the pairs that wait for a judgement, and one of them side by side with its waterfall."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.errors import LakeError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from identity.review.side_by_side import SideBySide, Step

_REASONS = {
    "NEAR_THRESHOLD": "the matcher cannot say",
    "CUT_BRIDGE": "a tie that was cut: its two sides contradict each other, or hang by it alone",
    "AMBIGUOUS": "a record that fits two people about equally well",
    "TOO_LARGE": "a tie inside a cluster too large to be believed",
}
_BAR = 40
#: More than anybody reads or labels in one go; a number beyond the engine's own would stop it.
_MAX_LISTED, _MAX_SAMPLE = 1_000_000, 100_000


class ReviewUsageError(LakeError):
    """What is to be reviewed was not said in one way that there is."""

    exit_code = 2


def review(
    pair: Annotated[
        str | None, typer.Argument(metavar="[PAIR]", help="Show this pair: its id, or RECORD_ID,RECORD_ID.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only pairs in the queue for this reason.")] = None,
    most: Annotated[int, typer.Option(min=1, max=_MAX_LISTED, help="List at most so many.")] = 20,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1, max=_MAX_SAMPLE, help="Draw so many pairs evenly from the links, to measure their precision."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Pairs of records that wait for a judgement, or one of them side by side. Shows personal values."""
    if sum(option is not None for option in (pair, reason, sample)) > 1:
        raise ReviewUsageError(
            "a pair, the pairs of a reason and a sample are three questions", cure="give PAIR, --reason or --sample"
        )
    if pair is not None:
        _show(pair, json)
    elif sample is not None:
        _list_sample(sample, json)
    else:
        _list(reason, most, json)


def _list(reason: str | None, most: int, json: bool) -> None:
    from dataclasses import asdict

    from cli._identity_names import outer_document
    from cli.screens.printing import print_json, print_table
    from contracts.wording import many
    from identity.review.queue import count_open, open_reviews

    waiting = count_open()
    number = sum(waiting.values())
    if reason is not None and reason not in {*_REASONS, *waiting}:
        raise ReviewUsageError(
            f"no pair is ever in the queue for {reason[:40]}", cure=f"give one of {', '.join(sorted(_REASONS))}"
        )
    reviews = open_reviews(reason=reason, maximum=most)
    if json:
        print_json({"open": waiting, "reviews": [outer_document(asdict(one)) for one in reviews]})
        return
    if not reviews:
        print("no pair waits for a judgement" + (f" for the reason {reason}" if reason else ""))
        return
    print_table(
        f"{many(number, 'pair waits', 'pairs wait')} for a judgement; two persons are asked about once",
        ["pair", "why", "bits", "pairs", "records moved", "are now", "record", "record", "since"],
        [
            (
                one.pair_id,
                one.reason,
                round(one.match_strength, 1) + 0.0,
                one.pairs,
                one.records,
                "one person" if one.person_id_l == one.person_id_r else "two people",
                one.person_record_id_l,
                one.person_record_id_r,
                f"{one.first_seen_at:%Y-%m-%d}",
            )
            for one in reviews
        ],
    )
    for name in sorted({one.reason for one in reviews}):
        print(f"  {name}: {_REASONS.get(name, 'see docs/identity.md')}")
    print(f"see one: lake identity review {reviews[0].pair_id}")
    print(f"judge it: lake identity label {reviews[0].pair_id} same|different")


def _list_sample(size: int, json: bool) -> None:
    from cli.screens.printing import harmless, print_json, print_table
    from identity.review.sampling import sample_of_links

    drawn = sample_of_links(size)
    if json:
        print_json({"pairs": [{"record_id_l": left, "record_id_r": right} for left, right in drawn]})
        return
    if not drawn:
        print("no links to draw from: no two records with a name are one person, or all such pairs are labelled")
        return
    print_table("Pairs of one person, drawn evenly from all links of records with a name", ["", ""], drawn)
    first = harmless(f"{drawn[0][0]},{drawn[0][1]}")
    print(f"see one: lake identity review {first}")
    print(f"judge it: lake identity label {first} same|different")


def _show(text: str, json: bool) -> None:
    import sys
    from dataclasses import asdict

    from rich.console import Console

    from cli._identity_names import outer_document
    from cli.screens.printing import harmless, print_json
    from identity.review.queue import find_pair
    from identity.review.side_by_side import side_by_side

    pair = side_by_side(*find_pair(text))
    if json:
        print_json(outer_document(asdict(pair)))
        return
    pair = harmless(pair)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_head(pair))
    console.print(_fields(pair))
    if pair.steps:
        console.print(_waterfall(pair))
    else:
        print("not compared: one of the two shows too little of a person, or was deleted")
    if pair.contradictions:
        print(f"the matcher takes them for two people, whatever the bits: {', '.join(pair.contradictions)}")
    elif pair.tied_by:
        print(f"the matcher ties the two by themselves: {pair.tied_by}")
    name = pair.pair_id if pair.reason else f"{pair.person_record_id_l},{pair.person_record_id_r}"
    print(f"judge it: lake identity label {name} same|different")


def _head(pair: "SideBySide") -> "Text":
    from rich.text import Text

    lines = Text(pair.pair_id, style="bold")
    lines.append("  one person now" if pair.is_one_person else "  two people now", style="not bold")
    if pair.reason:
        lines.append(f"\n{pair.reason} ({pair.state}): {_REASONS.get(pair.reason, '')}", style="not bold")
    if pair.label:
        note = f": {pair.label.note}" if pair.label.note else ""
        judged = f"\nlabelled {pair.label.label} by {pair.label.labelled_by} on {pair.label.labelled_at:%Y-%m-%d}{note}"
        lines.append(judged, style="not bold")
    return lines


def _fields(pair: "SideBySide") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("", pair.person_record_id_l, pair.person_record_id_r):
        table.add_column(Text(column), overflow="fold")
    table.add_row("person", pair.person_id_l or "-", pair.person_id_r or "-")
    for name, left, right in pair.fields:
        is_compared = left is not None and right is not None and name != "source" and not name.endswith("_at")
        is_same = left == right or name in pair.same
        style = "dim" if not is_compared else "green" if is_same else "yellow"
        mark = " " if not is_compared else "=" if is_same else "≠"
        table.add_row(
            Text(f"{mark} {name.replace('_', ' ')}"), Text(_word(left), style=style), Text(_word(right), style=style)
        )
    return table


def _waterfall(pair: "SideBySide") -> "Table":
    """Each comparison moves the sum on from where the last one left it, as in Splink's chart."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="What speaks for one person (bits; 1 bit doubles the odds)",
        title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    table.add_column("compared")
    table.add_column("bits", justify="right")
    table.add_column("")
    for step, bar in zip(pair.steps, bars(pair.steps), strict=True):
        style = "green" if step.weight_bits >= 0 else "red"
        table.add_row(step.comparison.replace("_", " "), f"{step.weight_bits:+.1f}", Text(bar, style=style))
    total = pair.match_strength or 0.0
    table.add_row("together", f"{total:+.1f}", f"{_odds(total)}", style="bold")
    return table


def bars(steps: "list[Step]", width: int = _BAR) -> list[str]:
    """The waterfall as text, a line per step: bars on one axis that holds zero and every sum on the way."""
    from identity.review.waterfall import waterfall

    drawn = waterfall([step.weight_bits for step in steps])
    zero = round(drawn.zero * width)
    lines = []
    for bar in drawn.bars:
        first, last = sorted((round(bar.begin * width), round(bar.end * width)))
        line = [" "] * (width + 1)
        line[zero] = "│"
        line[first : max(last, first + 1)] = "█" * max(last - first, 1)
        lines.append("".join(line).rstrip())
    return lines


def _odds(bits: float) -> str:
    """Bits as the share of such pairs that are one person."""
    share = 1 / (1 + 2.0 ** -max(min(bits, 60.0), -60.0))
    if share > 0.999:
        return "more than 999 in 1,000 such pairs are one person"
    if share < 0.001:
        return "fewer than 1 in 1,000 such pairs are one person"
    return f"{share * 1000:,.0f} in 1,000 such pairs are one person"


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)
