"""`lake profile`: one person's file. What is in it is gathered by `persons/profile.py`, drawn by `_person_screen`."""

from typing import Annotated

import typer

from contracts.errors import LakeError


class ProfileUsageError(LakeError):
    """The person was asked for in no way or in several."""

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
    """One person's file: golden values with sources and runner-ups, identifiers, journey, and why it is one person.

    An id that was merged away leads to the person it is now.
    """
    if sum(value is not None for value in (person_id, email, phone)) != 1:
        raise ProfileUsageError(
            "a person is looked up by an id, an e-mail or a phone number",
            cure="give one: lake profile p_… or --email or --phone",
        )
    from dataclasses import asdict

    from persons.lookup import find_person
    from persons.profile import read_profile

    file = read_profile(find_person(person_id=person_id, email=email, phone=phone), asked_for=person_id)
    if json:
        from cli.screens.printing import print_json

        print_json(asdict(file))
        return
    import os
    import sys

    from rich.console import Console

    from cli._person_screen import draw
    from cli.screens.printing import harmless

    # In a pipe rich would fold at 80 columns; COLUMNS sets another width, as everywhere.
    is_free = sys.stdout.isatty() or "COLUMNS" in os.environ
    draw(harmless(file), Console(width=None if is_free else 120, highlight=False))
