"""`lake identity label` and `lake identity labels`: what people judge of pairs of records."""

from enum import StrEnum
from typing import Annotated

import typer


class Judgement(StrEnum):
    """What can be said of a pair on the command line."""

    same = "same"
    different = "different"
    withdraw = "withdraw"


def label(
    pair: Annotated[
        str, typer.Argument(metavar="PAIR", help="Id from `lake identity review`, or RECORD_ID,RECORD_ID.")
    ],
    judgement: Annotated[
        Judgement, typer.Argument(help="One person, two people, or take back what was said of this pair.")
    ],
    note: Annotated[str | None, typer.Option(help="Why, for whoever looks at it later.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """A person's judgement on two records. It beats the matcher, for ever, from the next run on."""
    from dataclasses import asdict

    from cli._identity_names import outer_document
    from cli.screens.printing import harmless, print_json
    from identity.review.labels import WITHDRAWN, give_label
    from identity.review.queue import find_pair

    left, right = find_pair(pair)
    chosen = WITHDRAWN if judgement is Judgement.withdraw else judgement.value
    written = give_label(left, right, chosen, note=note)
    if json:
        print_json({"written": written is not None, "label": outer_document(asdict(written)) if written else None})
        return
    left, right = harmless((left, right))
    if written is None:
        print(f"nothing written: {left} and {right} were labelled {chosen} before")
        return
    sentence = {
        "same": f"{left} and {right} are one person",
        "different": f"{left} and {right} are two people",
        WITHDRAWN: f"{left} and {right} have no label any more",
    }
    print(f"{sentence[chosen]}, says {written.labelled_by}\nit takes effect with the next run: lake run")


def labels(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """The labels in force: who said what of which pair, and when."""
    from dataclasses import asdict

    from cli._identity_names import outer_document
    from cli.screens.printing import print_json, print_table
    from identity.review.labels import labels_in_force

    in_force = labels_in_force()
    if json:
        print_json({"labels": [outer_document(asdict(one)) for one in in_force]})
        return
    if not in_force:
        print("nobody has labelled a pair yet; what waits for a judgement: lake identity review")
        return
    print_table(
        "Labels in force",
        ["record", "is", "record", "says", "on", "why"],
        [
            (
                o.person_record_id_l,
                o.label,
                o.person_record_id_r,
                o.labelled_by,
                f"{o.labelled_at:%Y-%m-%d}",
                o.note or "",
            )
            for o in in_force
        ],
    )
