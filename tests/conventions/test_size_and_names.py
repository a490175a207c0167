"""Rules for the size of folders and functions, and for names: what a reader can take in, and understand alone."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

MAX_FILES_IN_A_FOLDER = 12
MAX_LINES_OF_A_FUNCTION = 79
MAX_POSITIONAL_ARGUMENTS = 3
#: Pronouns and participles say nothing of what a variable holds.
NO_NAMES = {"found", "told", "held", "gone", "said", "kept", "settled", "claimed"}
SUPERLATIVE = re.compile(r"_?(MOST|LEAST)_[A-Z0-9_]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_verb(module: Any) -> bool:
    """Whether a module of cli is one verb of `lake`: they stand side by side, however many there are."""
    return bool(module.path.parent.name == "cli" and not module.path.name.startswith("_"))


def crowded_folders(rooms: dict[str, list[Any]]) -> list[str]:
    """Folders with more Python files directly in them than a reader can keep in mind."""
    files = Counter(
        str(module.path.parent.relative_to(module.root))
        for room in rooms.values()
        for module in room
        if not is_verb(module)
    )
    return [f"{folder}: {number} Python files" for folder, number in files.items() if number > MAX_FILES_IN_A_FOLDER]


def long_functions(rooms: dict[str, list[Any]]) -> list[str]:
    """Functions that do not fit on two screens."""
    return [
        f"{module.where}:{node.lineno} {node.name}: {lines} lines"
        for module, node in nodes(rooms)
        if isinstance(node, Function) and (lines := length(node)) > MAX_LINES_OF_A_FUNCTION
    ]


def length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def own_functions(rooms: dict[str, list[Any]]) -> set[str]:
    """Names of the functions and classes that are defined in the rooms; those that take `*any_number` are free."""
    return {
        node.name
        for _, node in nodes(rooms)
        if isinstance(node, ast.ClassDef) or (isinstance(node, Function) and node.args.vararg is None)
    }


def product(rooms: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rooms without what surrounds the product: its tables of figures are written row by row."""
    return {room: modules for room, modules in rooms.items() if room not in {"infra", "benchmarks"}}


def long_positional_calls(rooms: dict[str, list[Any]], own: set[str]) -> list[str]:
    """Calls of functions and classes of ours that give more arguments by position than a reader can tell apart."""
    return [
        f"{module.where}:{node.lineno} gives {number} arguments of {called(node)} by position"
        for module, node in nodes(rooms)
        if isinstance(node, ast.Call)
        and called(node) in own
        and (number := sum(not isinstance(argument, ast.Starred) for argument in node.args)) > MAX_POSITIONAL_ARGUMENTS
    ]


def called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def names_that_say_nothing(rooms: dict[str, list[Any]]) -> list[str]:
    """Variables and parameters named by a pronoun or a participle.

    The fields of a class are free: many are columns of a table or keys of a document, which keep their names.
    """
    return [
        f"{module.where}:{getattr(node, 'lineno', 0)} {name}"
        for room in rooms.values()
        for module in room
        for node in variables(module.tree)
        if (name := bound_name(node)) in NO_NAMES
    ]


def variables(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node of a module but the fields of its classes."""
    fields = {
        id(statement.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    return (node for node in ast.walk(tree) if id(node) not in fields)


def bound_name(node: ast.AST) -> str:
    """The name that a node binds: a variable's, a loop's, a parameter's, or an exception's."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.ExceptHandler):
        return node.name or ""
    return node.arg if isinstance(node, ast.arg) else ""


def superlative_constants(rooms: dict[str, list[Any]]) -> list[str]:
    """Constants that are limits, and named `MOST_` or `LEAST_` instead of `MAX_` or `MIN_`."""
    return [
        f"{module.where}:{node.lineno} {node.id}"
        for module, node in nodes(rooms)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and SUPERLATIVE.fullmatch(node.id)
    ]


def nodes(rooms: dict[str, list[Any]]) -> Iterator[tuple[Any, ast.AST]]:
    """Every node of every module of the rooms."""
    for room in rooms.values():
        for module in room:
            for node in ast.walk(module.tree):
                yield module, node


def test_no_folder_is_crowded(rooms: dict[str, list[Any]]) -> None:
    offences = crowded_folders(rooms)
    assert not offences, "group the files of these folders by what they do:\n" + "\n".join(offences)


def test_planted_crowded_folder_is_found(planted: Any) -> None:
    files = [planted(f"lake/a{number}.py", "")["lake"][0] for number in range(MAX_FILES_IN_A_FOLDER + 1)]
    assert crowded_folders({"lake": files})
    assert not crowded_folders({"lake": files[1:]})
    assert not crowded_folders({"cli": [planted(f"cli/a{n}.py", "")["cli"][0] for n in range(30)]})


def test_no_function_is_too_long_for_two_screens(rooms: dict[str, list[Any]]) -> None:
    offences = long_functions(rooms)
    assert not offences, "\n".join(offences)


def test_planted_long_function_is_found(planted: Any) -> None:
    body = "    x = 1\n" * MAX_LINES_OF_A_FUNCTION
    assert long_functions(planted("lake/a.py", "def f():\n" + body))
    assert long_functions(
        planted("lake/b.py", "class A:\n    async def f(self):\n" + body.replace("    x", "        x"))
    )
    assert not long_functions(planted("lake/c.py", "def f():\n" + body.removesuffix("    x = 1\n")))


def test_at_most_three_arguments_are_given_by_position(rooms: dict[str, list[Any]]) -> None:
    offences = long_positional_calls(product(rooms), own_functions(product(rooms)))
    assert not offences, "make the parameters keyword-only, or one frozen dataclass:\n" + "\n".join(offences)


def test_planted_call_with_many_positional_arguments_is_found(planted: Any) -> None:
    defined = "def f(a, b, c, d): ...\nclass C:\n    def m(self): ...\n"
    for text in ("f(1, 2, 3, 4)", "C(1, 2, 3, 4)", "x.m(1, 2, 3, 4)", "def g():\n    f(1, 2, 3, 4, d=5)"):
        rooms = planted("lake/a.py", defined + text)
        assert len(long_positional_calls(rooms, own_functions(rooms))) == 1, text
    defined += "def g(*any_number): ...\n"
    for text in ("g(1, 2, 3, 4)", "f(1, 2, 3, d=4)", "f(1, 2, 3, *rest)", "min(1, 2, 3, 4)"):
        rooms = planted("lake/b.py", defined + text)
        assert not long_positional_calls(rooms, own_functions(rooms)), text


def test_no_limit_is_named_by_a_superlative(rooms: dict[str, list[Any]]) -> None:
    offences = superlative_constants(rooms)
    assert not offences, "say MAX_ or MIN_:\n" + "\n".join(offences)


@pytest.mark.parametrize("text", ["MOST_ROWS = 1", "_LEAST_ROWS: int = 2", "class A:\n    MOST_DAYS = 3"])
def test_planted_superlative_is_found(text: str, planted: Any) -> None:
    assert len(superlative_constants(planted("lake/a.py", text))) == 1
    assert not superlative_constants(planted("lake/b.py", text.replace("MOST_", "MAX_").replace("LEAST_", "MIN_")))


def test_no_variable_is_named_by_a_pronoun_or_a_participle(rooms: dict[str, list[Any]]) -> None:
    offences = names_that_say_nothing(product(rooms))
    assert not offences, "name them by what they hold (CONTRIBUTING.md):\n" + "\n".join(offences)


@pytest.mark.parametrize(
    "text",
    [
        "found = 1",
        "held: int = 2",
        "for gone in (): ...",
        "def f(*, told): ...",
        "if (said := 1): ...",
        "with open('x') as kept: ...",
        "try: ...\nexcept ValueError as settled: ...",
    ],
)
def test_planted_name_that_says_nothing_is_found(text: str, planted: Any) -> None:
    assert len(names_that_say_nothing(planted("lake/a.py", text))) == 1
    assert not names_that_say_nothing(
        planted("lake/b.py", "found_rows = 1\nprint(store.gone)\nclass Row:\n    gone: int")
    )
