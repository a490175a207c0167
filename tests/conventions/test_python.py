"""Rules for our Python: docstrings, length, no hand-kept lists, no printed secrets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.contract_file import discover_sources

LONGEST_FILE = 400
SECRET = re.compile(r"(password|passwd|secret|token_key|api_key|private_key)", re.IGNORECASE)
SPOKEN = {"print", "debug", "info", "warning", "error", "exception", "critical", "log", "echo"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(tree: ast.Module) -> Iterator[Definition]:
    """Functions and classes that others may use, and the methods of those classes.

    A method that a protocol of the same file describes is described there, and a protocol's plain value by its name.
    """
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    protocols = [node for node in classes if any("Protocol" in ast.unparse(base) for base in node.bases)]
    described = {inner.name for node in protocols for inner in node.body if isinstance(inner, Definition)}
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if not isinstance(inner, Definition) or inner.name.startswith("_") or is_override(inner):
                        continue
                    if inner.name not in described or (node in protocols and not is_property(inner)):
                        yield inner


def is_property(node: Definition) -> bool:
    return any(ast.unparse(decorator) == "property" for decorator in node.decorator_list)


def is_override(node: Definition) -> bool:
    """An `@override` or a property's setter says no more than what it stands in for."""
    return any(ast.unparse(d).rpartition(".")[2] in {"override", "setter"} for d in node.decorator_list)


def test_every_module_says_what_lives_in_it(rooms: dict[str, list[Any]]) -> None:
    without = [m.where for room in rooms.values() for m in room if m.text.strip() and not ast.get_docstring(m.tree)]
    assert not without, "modules without a docstring:\n" + "\n".join(without)


def test_every_public_function_and_class_has_a_docstring(rooms: dict[str, list[Any]]) -> None:
    without = [
        f"{module.where}:{node.lineno} {node.name}"
        for room in rooms.values()
        for module in room
        for node in public(module.tree)
        if not ast.get_docstring(node)
    ]
    assert not without, "without a docstring:\n" + "\n".join(without)


def test_no_file_is_too_long_to_read_in_one_sitting(modules: list[Any]) -> None:
    long = [f"{m.where}: {n} lines" for m in modules if (n := len(m.text.splitlines())) > LONGEST_FILE]
    assert not long, "\n".join(long)


def hand_kept_lists(rooms: dict[str, list[Any]]) -> list[str]:
    """Literals that name three sources or more.

    The sandbox is free to: which of the systems it simulates have a wrong clock is what it is there to say.
    """
    sources = set(discover_sources())
    offences = []
    for module in (m for room in rooms.values() for m in room if not m.where.startswith("infra/sandbox/")):
        for node in ast.walk(module.tree):
            held: list[ast.expr | None] = []
            if isinstance(node, ast.List | ast.Tuple | ast.Set):
                held = list(node.elts)
            elif isinstance(node, ast.Dict):
                held = list(node.keys)
            named = {e.value for e in held if isinstance(e, ast.Constant) and isinstance(e.value, str)} & sources
            if len(named) >= 3:
                offences.append(f"{module.where}:{held[0].lineno if held[0] else 0} lists {sorted(named)}")
    return offences


def spoken_secrets(rooms: dict[str, list[Any]]) -> list[str]:
    """Calls that print or log something named like a secret."""
    offences = []
    for module in (m for room in rooms.values() for m in room):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and name_of(node.func) in SPOKEN:
                names = {name_of(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)}
                offences += [f"{module.where}:{node.lineno} speaks of {n}" for n in names if SECRET.search(n)]
    return offences


def test_sources_are_discovered_never_listed(rooms: dict[str, list[Any]]) -> None:
    """A list of sources is one that the tenth source would have to be added to."""
    offences = hand_kept_lists(rooms)
    assert not offences, "\n".join(offences)


def test_planted_list_of_sources_is_found(planted: Any) -> None:
    assert hand_kept_lists(planted("cli/a.py", "SOURCES = ['crm', 'orders', 'campaigns']"))
    assert hand_kept_lists(planted("cli/b.py", "OWNER = {'crm': 1, 'orders': 2, 'web_app': 3}"))
    assert not hand_kept_lists(planted("cli/c.py", "PAIR = ('crm', 'orders')"))


def test_nothing_prints_or_logs_a_secret(rooms: dict[str, list[Any]]) -> None:
    offences = spoken_secrets(rooms)
    assert not offences, "\n".join(offences)


def test_planted_secret_in_a_log_is_found(planted: Any) -> None:
    assert spoken_secrets(planted("lake/a.py", "log.info('key %s', settings.token_key)"))
    assert spoken_secrets(planted("lake/b.py", "print(f'{password}')"))


def test_no_secret_lies_in_the_code(root: Path, modules: list[Any]) -> None:
    literal = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|(?:password|secret|api_key)\s*=\s*[\"'][^\"'{}$]{8,}[\"']")
    offences = [
        f"{module.where}: {found.group()[:30]}…"
        for module in modules
        if module.room != "tests"
        for found in literal.finditer(module.text)
    ]
    assert not offences, "\n".join(offences)


def test_settings_are_read_in_one_place(rooms: dict[str, list[Any]]) -> None:
    """Nothing else asks the environment for `LAKE_*`; a source's URL and the token key are resolved where used."""
    asked = re.compile(r"environ(?:\.get\(|\[)\s*f?[\"']LAKE_(?!SOURCE_)|getenv\(\s*f?[\"']LAKE_(?!SOURCE_)")
    offences = [
        f"{module.where}:{module.text[: found.start()].count(chr(10)) + 1}"
        for module in (m for room in rooms.values() for m in room)
        if module.where != "contracts/settings.py"
        for found in asked.finditer(module.text)
        if "=" not in module.text[found.end() : found.end() + 40].partition("\n")[0].partition("]")[2][:3]
    ]
    assert not offences, "\n".join(offences)


def name_of(node: ast.expr | ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
