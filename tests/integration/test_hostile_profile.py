"""`lake profile` of a person whose every value wants to be obeyed: it is shown, on one screen, and commands nothing."""

from pathlib import Path

from typer.testing import CliRunner

from cli import build_app
from lake.sql.connections import connect
from lake.tables import scan
from lake.writer import overwrite
from tests.integration import person_lake

ESCAPES = "\x1b[2J\x1b]0;owned\x07 [/red] [blink]x \u202e"


def test_hostile_values_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    with person_lake.lake_at(tmp_path / "home"):
        person_lake.make()
        with connect() as con:
            events = con.execute(
                f"select * replace (? as detail, ? as event_type) from {scan('marts/journey_events')}",
                [ESCAPES, ESCAPES],
            ).to_arrow_table()
        overwrite("marts/journey_events", events)
        for person in (person_lake.HOSTILE, person_lake.MEI):
            for arguments in ([person], [person, "--json"]):
                done = CliRunner().invoke(build_app(), ["profile", *arguments], catch_exceptions=False)
                assert done.exit_code == 0
                assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(done.stdout), arguments
        # Wide enough that the value is not folded.
        shown = CliRunner(env={"COLUMNS": "160"}).invoke(build_app(), ["profile", person]).stdout
        assert "␛[2J␛]0;owned␇ [/red] [blink]x <202E>" in shown
