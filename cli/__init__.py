"""The `lake` command: one thin module per verb, found in this folder, and the verbs of plug-ins.

A module `<verb>.py` exposes `register(app)` and adds its command; nothing lists the verbs. A plug-in does the same: an
entry point of the group `customer_lake.verbs` bears the verb's name and names a function `register`. Modules that start
with an underscore, and the packages, hold what verbs share, or parts of one that has many. Everything heavy (pyarrow,
dagster, dbt, ...) is imported inside the functions that need it, so that `lake --help` answers in half a second. No
logic of the pipeline lives here.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer

from contracts.errors import LakeError
from runs.plug_ins import load_plug_ins

#: Entry points of the verbs that other packages add.
PLUG_INS = "customer_lake.verbs"


class ArgumentError(LakeError):
    """An argument is not text."""

    exit_code = 2


def build_app(verb: str | None = None) -> typer.Typer:
    """The command with every verb that the folder holds or a plug-in adds, in alphabetical order.

    Args:
        verb: the one that will be called. Where it is the folder's own, nothing else is imported or looked for.

    Raises:
        PlugInError: a plug-in is installed and cannot be imported.
    """
    app = typer.Typer(
        name="lake",
        help="Customer Lake: nine systems in, one file per person and served features out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(lambda: None)  # with one verb alone, Typer would take the verb's name for an argument
    own = {module.name for module in iter_modules(__path__) if not (module.ispkg or module.name.startswith("_"))}
    verbs = {} if verb in own else load_plug_ins(PLUG_INS)
    for name in own if verb not in own else own & {verb}:
        verbs[name] = import_module(f"{__name__}.{name}").register
    for _, register in sorted(verbs.items()):
        register(app)
    return app


def main() -> None:
    """Entry point of `lake`. Ends the process with 0 done, 1 the pipeline failed, 2 wrong usage or settings."""
    from cli.screens.printing import harmless

    try:
        _check_arguments(sys.argv[1:])
        build_app(*sys.argv[1:2])()
    except LakeError as error:
        print("\n".join(map(harmless, f"error: {error}".split("\n"))), file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted: nothing is half written; run the command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # the reader of a pipe (`lake status | head`) closed it
    except Exception as error:
        from cli import _log

        where = _log.keep_traceback()
        print(f"error: unexpected {type(error).__name__}: {_log.scrub(str(error))[:400]}", file=sys.stderr)
        print(f"  cure: read {where}; if it is our mistake, report it with that file", file=sys.stderr)
        sys.exit(1)


def _check_arguments(arguments: list[str]) -> None:
    """Bytes that are not UTF-8 reach Python as halves of characters, which no engine and no terminal accepts."""
    broken = [place for place, argument in enumerate(arguments, 1) if not _is_text(argument)]
    if broken:
        raise ArgumentError(
            f"argument {broken[0]} of this command is not UTF-8",
            cure="type it again on a terminal that writes UTF-8; a file with such a name has to be renamed",
        )


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True
