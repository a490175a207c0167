"""`lake quality`: build the portal for governance staff, or open it. What it shows is in `web/portal/`."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake quality build` and `lake quality open`."""
    quality = typer.Typer(
        help="The quality portal: what is wrong with which data, and who owns it.", no_args_is_help=True
    )
    quality.command("build")(build)
    quality.command("open")(open_portal)
    app.add_typer(quality, name="quality")


def build() -> None:
    """Write the page from the newest results, the tables' counts and the contracts."""
    from ingestion.landing.land import counters
    from web.portal.render import build as build_portal

    print(build_portal(counters=counters()))


def open_portal(
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on loopback until interrupted.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of --serve; default LAKE_PORT_PORTAL, else 8080.")] = None,
) -> None:
    """Open the page in a browser, or serve it; a missing one is built first."""
    import webbrowser
    from contextlib import suppress

    from contracts.settings import load_settings
    from web.portal.render import portal_path

    path = portal_path()
    if not path.exists():
        build()
    if serve:
        from web.portal.server import portal_server

        with portal_server(port=load_settings().port_portal if port is None else port) as server:
            print(f"http://127.0.0.1:{server.server_port}/ (end with Ctrl-C)", flush=True)
            server.serve_forever()
    with suppress(webbrowser.Error):  # without a browser on this machine the path is the answer
        webbrowser.get().open(path.as_uri())
    print(path)
