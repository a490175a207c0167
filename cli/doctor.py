"""`lake doctor`: what this machine lacks, and the cure."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake doctor`."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Look at the machine; ends with 1 where something that is needed is missing."""
    from dataclasses import asdict

    from cli.machine.checks import examine
    from cli.screens.printing import print_json

    findings = examine()
    is_fit = all(finding.is_ok for finding in findings if finding.is_needed)
    if as_json:
        print_json({"is_fit": is_fit, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            mark = "ok     " if finding.is_ok else "MISSING" if finding.is_needed else "not yet"
            print(f"{mark}  {finding.subject:<10} {finding.found}")
            if not finding.is_ok:
                print(f"         cure: {finding.cure}")
        print("this machine is fit" if is_fit else "something that is needed is missing")
    raise typer.Exit(0 if is_fit else 1)
