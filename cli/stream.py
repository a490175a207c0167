"""`lake stream`: land what flows, as it flows, until it is stopped."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake stream`."""
    app.command("stream")(stream)


def stream(
    source: Annotated[
        list[str] | None, typer.Option(help="Follow only this source; may be given several times.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="End after so long; default when it is stopped.")] = None,
) -> None:
    """Land streams (Kafka, MQTT) in micro-batches, about one a second; Ctrl-C ends after the batch at work."""
    from cli._log import start_log
    from ingestion.landing.streams import run

    start_log()
    raise typer.Exit(run(source or [], seconds))
