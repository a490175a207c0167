"""What other packages add to a lake: found by entry points, missed by nobody where nothing is installed."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from cli import PLUG_INS, build_app
from cli.machine.checks import examine
from runs import plug_ins, worlds


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The entry points that are installed, none at first."""
    entries: list[EntryPoint] = []
    monkeypatch.setattr(plug_ins, "entry_points", lambda *, group: [entry for entry in entries if entry.group == group])
    worlds.load_worlds.cache_clear()
    yield entries
    worlds.load_worlds.cache_clear()


def test_a_lake_without_plug_ins_has_no_worlds_and_its_own_verbs(installed: list[EntryPoint]) -> None:
    assert worlds.load_worlds() == []
    with worlds.source_servers():
        pass
    assert "services" not in {finding.subject for finding in examine()}
    names = {group.name for group in build_app().registered_groups}
    assert "identity" in names
    assert "sandbox" not in names


def test_a_world_that_is_installed_is_asked(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("known", "infra.known_world:KnownWorld", worlds.GROUP))
    assert [type(world).__name__ for world in worlds.load_worlds()] == ["KnownWorld"]
    assert "services" in {finding.subject for finding in examine()}


def test_a_plug_in_that_cannot_be_imported_is_named_with_its_cure(installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("moon", "no_such_package.moon:Moon", worlds.GROUP))
    installed.append(EntryPoint("fly", "runs.plug_ins:no_such_function", PLUG_INS))
    with pytest.raises(plug_ins.PlugInError, match=r"moon of customer_lake\.worlds cannot be loaded") as raised:
        worlds.load_worlds()
    assert "make setup" in raised.value.cure
    with pytest.raises(plug_ins.PlugInError, match="fly"):
        build_app()
    build_app("run")  # a verb of our own does not look for others
