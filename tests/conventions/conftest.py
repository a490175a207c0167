"""What the tests of the project's rules look at: our own files, found, parsed once, never listed by hand."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One Python file of ours. `room` is the top folder it lies in."""

    path: Path
    root: Path = ROOT

    @property
    def room(self) -> str:
        return self.path.relative_to(self.root).parts[0]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(self.root))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.where)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Line and dotted name of everything imported, in functions too; `from a import b` gives `a.b`."""
        found: list[tuple[int, str]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = self.path.relative_to(self.root).with_suffix("").parts[: -node.level]
                found += [(node.lineno, ".".join((*package, node.module or "", a.name))) for a in node.names]
        return found


def is_ours(path: Path) -> bool:
    """Whether a path is part of the project: not hidden (`.venv`, `.lake`, `.git`), not built."""
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith(".") or part in {"__pycache__", "target", "logs", "build"} for part in parts)


def files(pattern: str) -> list[Path]:
    """All files of the project that match, sorted."""
    tops = [top for top in sorted(ROOT.iterdir()) if is_ours(top)]
    inside = [path for top in tops if top.is_dir() for path in top.rglob(pattern) if path.is_file() and is_ours(path)]
    return sorted([*inside, *(path for path in ROOT.glob(pattern) if path.is_file() and is_ours(path))])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Source]:
    """Every Python file of the project, tests included."""
    return [Source(path) for path in files("*.py")]


@pytest.fixture(scope="session")
def rooms(modules: list[Source]) -> dict[str, list[Source]]:
    """The product's files by room; tests are no room."""
    found: dict[str, list[Source]] = {}
    for module in modules:
        if module.room != "tests" and module.path.parent != ROOT:
            found.setdefault(module.room, []).append(module)
    return found


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[str, str], dict[str, list[Source]]]:
    """Writes a file that breaks a rule, elsewhere, and gives it as rooms: a rule that nothing can break is no rule."""

    def plant(where: str, text: str) -> dict[str, list[Source]]:
        path = tmp_path / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return {path.relative_to(tmp_path).parts[0]: [Source(path, tmp_path)]}

    return plant


@pytest.fixture(scope="session")
def documents() -> list[Path]:
    """Every Markdown document of the project."""
    return files("*.md")


@pytest.fixture(scope="session")
def models() -> list[Path]:
    """Every dbt model."""
    return sorted((ROOT / "dbt_project" / "models").rglob("*.sql"))
