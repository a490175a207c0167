"""`lake up`: Dagster's UI and daemon, the quality portal, the page of one person's file and Feast's feature server, on
loopback, until interrupted."""

import signal
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add `lake up`."""
    app.command("up")(up)


class _Stopped(Exception):
    """The process was asked to end."""


def up(
    host: Annotated[
        str, typer.Option(help="A loopback address; others are rejected, since there are no roles.")
    ] = "127.0.0.1",
) -> None:
    """Start the Dagster UI, the quality portal, the person page and the Feast server; Ctrl-C stops them all."""
    from cli._log import start_log
    from cli.machine.servers import check_ports, log_of, serving
    from web.loopback import loopback_address

    start_log()
    host = loopback_address(host)
    check_ports(host)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with serving(host, report=lambda text: print(f"  {text}", flush=True)) as urls:
            print(f"Dagster    {urls['dagster']}      runs, tables and their lineage", flush=True)
            print(f"portal     {urls['portal']}      what is wrong with which data, and who owns it")
            print(f"persons    {urls['person']}      one person, one file: values, journey, why it is one person")
            print(f"features   {urls['feast']}      POST /get-online-features")
            print(f"logs       {log_of('*')}\nCtrl-C stops everything", flush=True)
            signal.pause()
    except _Stopped:
        print("stopped: no server is running any more", flush=True)


def _stop(number: int, frame: Any) -> None:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not leave a server behind
    raise _Stopped
