"""Names of folders and files say what they hold; documents do not lie; the lock is whole."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

#: `dbt`, `dagster`, `feast`, `dlt` as a folder shadow the package; `utils` and `helpers` say nothing.
NEVER_A_FOLDER = {"dbt", "dagster", "feast", "dlt", "utils", "helpers", "misc", "common"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[`\s])make ([a-z][a-z-]*)", re.MULTILINE)
VERB = re.compile(r"(?:^|`|\.venv/bin/)lake ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def test_no_folder_shadows_a_package_or_says_nothing(root: Path) -> None:
    bad = [
        str(folder.relative_to(root))
        for top in root.iterdir()
        if top.is_dir() and not top.name.startswith(".")
        for folder in (top, *top.rglob("*"))
        if folder.is_dir() and folder.name in NEVER_A_FOLDER and "target" not in folder.parts
    ]
    bad += [
        str(p.relative_to(root))
        for p in root.glob("*/**/*.py")
        if p.stem in {"utils", "helpers"} and p.parts[len(root.parts)][0] != "."
    ]
    assert not bad, "\n".join(bad)


def test_links_in_documents_lead_somewhere(root: Path, documents: list[Path]) -> None:
    broken = []
    for document in documents:
        for one, other in LINK.findall(CODE.sub("", document.read_text(encoding="utf-8"))):
            target = one or other
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
                broken.append(f"{document.relative_to(root)}: {target}")
    assert not broken, "\n".join(broken)


def anchors(document: Path) -> set[str]:
    """Anchors of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_make_commands_in_documents_exist(root: Path, documents: list[Path]) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (root / "Makefile").read_text(), re.MULTILINE))
    wrong = [
        f"{document.relative_to(root)}: make {name}"
        for document in documents
        for code in CODE.findall(document.read_text(encoding="utf-8"))
        for name in COMMAND.findall(code)
        if name not in targets
    ]
    assert not wrong, "\n".join(wrong)


def test_lake_commands_in_documents_exist(root: Path, documents: list[Path]) -> None:
    import typer

    from cli import build_app

    verbs = vars(typer.main.get_command(build_app()))["commands"]
    wrong = []
    for document in documents:
        if "adr" in document.parts:
            continue  # a decision speaks of its day
        for code in CODE.findall(document.read_text(encoding="utf-8")):
            for verb, sub in VERB.findall(code):
                below = vars(verbs[verb]).get("commands", {}) if verb in verbs else None
                if below is None or (sub and below and sub not in below):
                    wrong.append(f"{document.relative_to(root)}: lake {verb} {sub}".rstrip())
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_readme_shows_only_pictures_that_are_there_and_has_both_languages(root: Path) -> None:
    assert (root / "README.md").exists()
    assert list(root.glob("README*zh*.md")), "README in 简体中文 stands next to README.md"


def test_decisions_are_numbered_once_and_named_by_title(root: Path) -> None:
    names = sorted(path.name for path in (root / "docs" / "adr").glob("*.md"))
    assert names
    assert not [name for name in names if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name)]
    numbers = [int(name[:4]) for name in names]
    assert len(set(numbers)) == len(numbers), "two decisions share a number"
    assert numbers == list(range(1, len(numbers) + 1)), "a decision's number is left out"


@pytest.fixture(scope="module")
def lock(root: Path) -> str:
    return (root / "requirements.lock").read_text()


def test_lock_pins_every_package_with_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", "\n" + lock.replace("\\\n", " "))
    pins = [block.strip() for block in blocks if block.strip() and not block.strip().startswith("#")]
    assert len(pins) > 50
    loose = [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin]
    assert not loose, loose


def test_lock_holds_no_address_and_no_option(lock: str) -> None:
    assert "://" not in lock
    assert not re.search(r"^(-e|--index-url|--extra-index-url|-i|--find-links|-f)\b", lock, re.MULTILINE)


def test_lock_holds_every_package_that_pyproject_names(root: Path, lock: str) -> None:
    import tomllib

    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(n for extra in project["optional-dependencies"].values() for n in extra)]
    wanted = {normal(name) for name in named}
    held = {normal(n) for n in re.findall(r"^([A-Za-z0-9][^=#\n]*)==", lock, re.MULTILINE)}
    assert not wanted - held


def test_pre_commit_runs_what_make_check_runs(root: Path) -> None:
    """The two lists of checks name the same tools with the same arguments."""
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    committed = {hook["entry"].removeprefix(".venv/bin/") for hook in hooks}
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (root / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    arguments = r"^\t@\$\(BIN\)/| \.$| dbt_project/models dbt_project/tests$"
    checked = {re.sub(arguments, "", line) for line in recipe[1].splitlines()}
    assert committed == checked


def test_continuous_integration_runs_the_checks_and_the_tests(root: Path) -> None:
    commands = [line for line in (root / ".ci" / "run").read_text().splitlines() if "make" in line and "#" not in line]
    assert commands == ["make check", "exec make test"]


def test_every_change_is_a_fragment_of_a_known_kind(root: Path) -> None:
    kinds = {
        kind["directory"] for kind in tomllib.loads((root / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    }
    fragments = [path for path in (root / "docs" / "changes").iterdir() if path.name != "README.md"]
    wrong = [path.name for path in fragments if path.suffix != ".md" or path.stem.rpartition(".")[2] not in kinds]
    wrong += [path.name for path in fragments if not path.read_text(encoding="utf-8").strip()]
    assert not wrong, f"`docs/changes/<what>.<{'|'.join(sorted(kinds))}>.md`, not {wrong}"
