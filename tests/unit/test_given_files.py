"""Files named on the command line: rejected with a cure, written whole or not at all, never over one another."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli import build_app
from cli._files import GivenFileError, must_be_writable, read, whole, write


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A file of one record."""
    path = tmp_path / "records.parquet"
    pq.write_table(pa.table({"record_id": ["a"], "source": ["crm"], "updated_at": ["2026-06-01"]}), path)
    return path


def test_no_file_of_a_command_is_written_over_another(records: Path, tmp_path: Path) -> None:
    link, links = tmp_path / "link.parquet", tmp_path / "links.parquet"
    link.symlink_to(records)
    held = records.read_bytes()
    for output, explain in ((records, links), (links, records), (links, links), (link, links)):
        given = ["identity", "resolve", "--input", str(records), "--output", str(output), "--explain", str(explain)]
        ended = CliRunner().invoke(build_app(), given)
        assert isinstance(ended.exception, GivenFileError)
        assert "given twice" in str(ended.exception)
    ended = CliRunner().invoke(build_app(), ["identity", "train", "--input", str(records), "--output", str(records)])
    assert isinstance(ended.exception, GivenFileError)
    assert records.read_bytes() == held


def test_what_is_no_file_is_never_replaced_by_one(tmp_path: Path) -> None:
    for path, says in ((Path("/dev/null"), "no file"), (tmp_path, "no file"), (tmp_path / "no" / "a", "no such folder"),
                       (tmp_path / ("a" * 250), "cannot be written")):  # fmt: skip
        with pytest.raises(GivenFileError, match=says):
            must_be_writable(path)
    assert Path("/dev/null").is_char_device()


def test_failed_write_keeps_what_was_there_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path, link = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write(pa.table({"a": [1]}), path)
    with (
        pytest.raises(GivenFileError, match=r"No space left.*\n  cure: choose a folder that has room"),
        whole(path) as temporary_file,
    ):
        run_out_of_room(temporary_file)
    link.symlink_to(path)
    write(pa.table({"a": [2]}), link)
    assert pq.read_table(path).to_pydict() == {"a": [2]}
    assert link.is_symlink()
    assert {found.name for found in tmp_path.iterdir()} == {"a.parquet", "b.parquet"}


def run_out_of_room(temporary_file: Path) -> None:
    """What a full disk does to a writer."""
    temporary_file.write_text("half")
    raise OSError(28, "No space left on device")


def test_unreadable_files_are_named_in_one_line_with_their_cure(tmp_path: Path) -> None:
    text, duplicate_column = tmp_path / "a.csv", tmp_path / "doubled.parquet"
    text.write_text("record_id,source\n")
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, ["record_id", "record_id"]), duplicate_column)
    for path, says in (
        (text, r"cannot be read as Parquet: .*\n  cure: .*read_csv"),
        (duplicate_column, "more than one column record_id"),
        (tmp_path, "is a folder"),
        (tmp_path / "no", "is not there"),
    ):
        with pytest.raises(GivenFileError, match=says) as rejected:
            read(path, "links", "--links")
        assert len(str(rejected.value).splitlines()) == 2
