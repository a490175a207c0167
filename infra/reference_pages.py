"""The tables of docs/settings.md and docs/errors.md, made from the code: `python -m infra.reference_pages`.

A setting's row comes from `contracts.settings.Settings`. An error's row comes from its class (name, room, docstring,
exit code) and from the places that raise it (the cure). A test compares both pages with what this module makes.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic.fields import FieldInfo

from contracts.settings import PROJECT_ROOT, Settings

SETTINGS_PAGE, ERRORS_PAGE = PROJECT_ROOT / "docs" / "settings.md", PROJECT_ROOT / "docs" / "errors.md"
BEGIN, END = "<!-- made by `python -m infra.reference_pages` -->\n", "<!-- end -->\n"
#: The class that all errors of the project derive from, and its exit code.
ROOT_ERROR, ROOT_EXIT_CODE = "LakeError", 1
_TYPES = {"bool": "`true` or `false`", "int": "whole number", "float": "number", "str": "text", "datetime": "time"}


@dataclass
class ErrorClass:
    """One error: where it stands, what its docstring says first, what its raising sites advise."""

    name: str
    room: str
    base: str
    meaning: str
    exit_code: int | None
    cures: list[str] = field(default_factory=list)


def settings_table(fields: dict[str, FieldInfo]) -> str:
    """One row per setting: variable, type, default, meaning."""
    rows = [
        (f"`LAKE_{name.upper()}`", _type_of(info), _default_of(info), info.description or "")
        for name, info in fields.items()
    ]
    return _table(("Variable", "Type", "Default", "Meaning"), rows)


def errors_table(modules: Iterable[tuple[str, ast.Module]]) -> str:
    """One row per error class of the modules (pairs of room and syntax tree): name, room, meaning, exit code, cure."""
    errors = error_classes(modules)
    by_name = {error.name: error for error in errors}
    rows = [
        (
            f"`{error.name}`",
            error.room,
            error.meaning,
            str(_exit_code(error, by_name)),
            "<br>".join(error.cures) or "printed with the message",
        )
        for error in sorted(errors, key=lambda error: (error.name, error.room))
    ]
    return _table(("Error", "Raised in", "Meaning", "Exit code", "Cure"), rows)


def error_classes(modules: Iterable[tuple[str, ast.Module]]) -> list[ErrorClass]:
    """All classes that derive from `LakeError`, with the cures of every place that raises them."""
    parsed = list(modules)
    classes = [error for room, tree in parsed for error in _classes(room, tree)]
    derived = {ROOT_ERROR}
    while missing := {error.name for error in classes if error.base in derived} - derived:
        derived |= missing
    errors = [error for error in classes if error.name in derived]
    for room, tree in parsed:
        for name, cure in _cures(tree):
            named = [error for error in errors if error.name == name]
            own = [error for error in named if error.room == room] or named
            for error in own:
                if cure not in error.cures:
                    error.cures.append(cure)
    return errors


def write_pages() -> list[Path]:
    """Write both tables into their pages; returns the pages that changed."""
    changed = []
    for page, table in (
        (SETTINGS_PAGE, settings_table(Settings.model_fields)),
        (ERRORS_PAGE, errors_table(product_modules(PROJECT_ROOT))),
    ):
        text = page.read_text(encoding="utf-8")
        written = with_table(text, table)
        if written != text:
            page.write_text(written, encoding="utf-8")
            changed.append(page)
    return changed


def with_table(page: str, table: str) -> str:
    """A page with the table between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table + "\n" + END + after


def product_modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Room and syntax tree of every module of the project but tests and benchmarks, by path."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if len(parts) > 1 and not parts[0].startswith(".") and parts[0] not in ("tests", "benchmarks"):
            yield parts[0], ast.parse(path.read_text(encoding="utf-8"))


def _classes(room: str, tree: ast.Module) -> Iterator[ErrorClass]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.bases:
            meaning = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
            yield ErrorClass(
                node.name, room=room, base=_last_name(node.bases[0]), meaning=meaning, exit_code=_own_exit_code(node)
            )


def _own_exit_code(node: ast.ClassDef) -> int | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if names == ["exit_code"] and isinstance(statement.value.value, int):
                return statement.value.value
    return None


def _exit_code(error: ErrorClass, by_name: dict[str, ErrorClass]) -> int:
    if error.exit_code is not None:
        return error.exit_code
    return _exit_code(by_name[error.base], by_name) if error.base in by_name else ROOT_EXIT_CODE


def _cures(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Class name and cure of every call that makes an error with one; what only the run knows is an ellipsis."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "cure":
                    yield from ((_last_name(node.func), text) for text in _texts(keyword.value))


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [" ".join(node.value.split())]
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        return [" ".join("".join(parts).split())]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return []


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _type_of(info: FieldInfo) -> str:
    name = str(getattr(info.annotation, "__name__", info.annotation)).replace(" | None", "")
    text = next((word for key, word in _TYPES.items() if key in name), "path")
    limits = {type(limit).__name__: limit for limit in info.metadata}
    low = getattr(limits.get("Ge"), "ge", None)
    high = getattr(limits.get("Le"), "le", None)
    if low is not None and high is not None:
        return f"{text}, {low} to {high}"
    return text if low is None else f"{text}, at least {low}"


def _default_of(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return "computed"
    value = info.default
    if isinstance(value, Path) and value.is_relative_to(PROJECT_ROOT):
        return f"`{value.relative_to(PROJECT_ROOT)}` in the project"
    return "none" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    for written in write_pages():
        sys.stdout.write(f"{written.relative_to(PROJECT_ROOT)}\n")
