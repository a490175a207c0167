"""Drop folders: CSV, JSON Lines and Parquet, plain, gzip or zstd, each file landed once, known by its content.

The cursor is the list of files landed (`landed`): a file that is only touched or renamed brings nothing; one that is
rewritten is read again; a copy under another name is a second delivery. Half-written files (temporary names) are left
alone; a file that cannot be read is left where it is, named in the result, and does not keep the others from landing.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb

from contracts.contract_file import ContractError, Entity
from ingestion.connectors.base import Cursor, Delivery, Trouble
from ingestion.connectors.drops import formats
from ingestion.connectors.drops.folder import DropFile, Folder
from ingestion.connectors.drops.formats import CsvFiles, JsonLines, Reading
from ingestion.connectors.drops.landed import Known, Landed, describe
from ingestion.connectors.drops.unpacking import UnreadableFileError
from ingestion.landing import drift
from ingestion.landing.drift import DriftError
from lake.temporary_folders import temporary_folder

#: Bytes on disk of one batch; a first load of years is cut into several commits.
BATCH_BYTES = 512 << 20
#: What DuckDB takes for a pattern in the name of a file.
_PATTERN = frozenset("*?[]{}")
_CURES = {
    "link": "deliver the file itself; the lake reads nothing outside the folder of the source",
    "folder": "if the files in it are meant, let the contract's physicalName say so (`**/*.csv`)",
}


class FilesConnector:
    """One entity's files in a drop folder."""

    stream = "files"
    is_live = False
    is_stream = False

    def __init__(
        self, folder: Folder, *, entity: Entity, file_format: str, delimiter: str = ",", encoding: str | None = None
    ) -> None:
        if len(delimiter.encode()) != 1 or delimiter in '"\r\n':
            raise ContractError(
                f"{entity.source}: `delimiter` should be one ASCII character, not {delimiter!r}",
                cure="correct the contract",
            )
        if encoding is not None and not _is_encoding(encoding):
            raise ContractError(
                f"{entity.source}: `encoding` should be one that Python knows, as gb18030 or utf-16, not {encoding!r}",
                cure="correct the contract",
            )
        self.folder = folder
        self.entity = entity
        self.format = file_format
        self.delimiter = delimiter
        self.encoding = encoding
        self._left_out: dict[str, Trouble] = {}
        self._offered: dict[str, DropFile] = {}
        self._headers: dict[str, tuple[str, ...]] = {}
        self._text: CsvFiles | JsonLines | None = None
        self._known: dict[tuple[str, str], Known] = {}  # what was read of a file as it looked then
        self._aliases: tempfile.TemporaryDirectory[str] | None = None

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a file is new or rewritten. Only what looks changed is opened: one that was merely touched, as by a
        copy of the folder, must not make every later run a busy one."""
        landed = Landed.unpack(cursor)
        present = self._files()
        if landed.lacks(present) and not landed.contents_but(present):
            return True
        return any(self._changed(landed, present))

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The files with new content, up to `BATCH_BYTES`; rewritten ones in a batch of their own."""
        landed = Landed.unpack(cursor)
        present = self._files()
        fresh, rewritten = self._changed(landed, present)
        landed = landed.only(present)
        for described, is_reread in ((fresh, False), (rewritten, True)):
            for names in _batches({name: present[name] for name in described}):
                self._offered = dict(self._readable({name: present[name] for name in names}))
                if self._offered:
                    for name in self._offered:
                        landed.add(name, described[name])
                    reading = self._reading(connection)
                    return Delivery(
                        query=reading.query,
                        columns=reading.columns,
                        cursor=landed.pack(),
                        is_reread=is_reread,
                        escaped=reading.escaped,
                        rejected=reading.rejected,
                    )
        return None

    def troubles(self) -> list[Trouble]:
        """Files that were left where they are, and why."""
        return list(self._left_out.values())

    def leave_out(self, source_file: str, trouble: Trouble) -> bool:
        """Offer a file no more in this run; it stays where it is and is tried again in the next one."""
        self._left_out[source_file] = trouble
        return True

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Read each file of the last delivery alone, and leave out those that cannot be read."""
        before = len(self._left_out)
        if self._text is not None:
            self._text.read_all()
            for name, error in self._text.failed.items():
                self._leave_out(name, error)
        else:
            for name, file in self._offered.items():
                try:
                    reading = formats.parquet(connection, self._locations([file]))
                    connection.execute(f"select count(columns(*)) from ({reading.query})").fetchall()
                except duckdb.Error as error:
                    cure = "deliver the file again, whole"
                    self._leave_out(name, UnreadableFileError(f"cannot be read ({type(error).__name__})", cure=cure))
        return len(self._left_out) > before

    def leave_out_changed(self) -> bool:
        """Leave out the files of the last delivery that were written while they were read: they are not whole yet."""
        before = len(self._left_out)
        for name, file in self._offered.items():
            now = self.folder.look(file)
            if now is None or (now.size, now.stamp) != (file.size, file.stamp):
                cure = "write it under a temporary name and rename it when it is whole; it is read in the next run"
                self._leave_out(name, UnreadableFileError("was written while it was read", cure=cure))
        return len(self._left_out) > before

    def close(self) -> None:
        """Remove what stood in for names that DuckDB does not take."""
        if self._aliases is not None:
            self._aliases.cleanup()
            self._aliases = None

    def _files(self) -> dict[str, DropFile]:
        present, wrong = self.folder.files()
        for name, problem in wrong.items():
            cure = next(
                (cure for word, cure in _CURES.items() if word in problem), "see who may read it, and remove it"
            )
            self._leave_out(name, UnreadableFileError(problem, cure=cure))
        return present

    def _changed(self, landed: Landed, present: Mapping[str, DropFile]) -> tuple[dict[str, Known], dict[str, Known]]:
        """New files and rewritten ones; files only touched or renamed go to `landed` as they are now."""
        vanished = landed.contents_but(present)
        fresh: dict[str, Known] = {}
        rewritten: dict[str, Known] = {}
        for name, file in present.items():
            if name in self._left_out or landed.looks_known(file):
                continue
            try:
                now = self._describe(file)
            except OSError as error:
                self._leave_out(name, error)
                continue
            before = landed.get(file)
            if (before is not None and before.content == now.content) or (before is None and now.content in vanished):
                landed.add(name, now)
            else:
                (fresh if before is None else rewritten)[name] = now
        return fresh, rewritten

    def _describe(self, file: DropFile) -> Known:
        """Kept for the rest of the run: a first load has many batches, and each asks for all that is left."""
        look = (file.name, f"{file.size}/{file.stamp}")
        if look not in self._known:
            self._known[look] = describe(file)
        return self._known[look]

    def _readable(self, files: Mapping[str, DropFile]) -> Iterator[tuple[str, DropFile]]:
        """Those of the files that are what they say, as far as their beginning shows, and agree in their types."""
        types: dict[str, str] = {}
        for name, file in files.items():
            try:
                declared = self._declared(file)
                if declared:
                    drift.require_columns(self.entity, declared)
            except (UnreadableFileError, DriftError, OSError) as error:
                self._leave_out(name, error)
                continue
            if all(types.get(column, kind) == kind for column, kind in declared.items()):
                types |= declared  # one whose types differ comes in a batch of its own: a common type may bend values
                yield name, file

    def _declared(self, file: DropFile) -> Mapping[str, str]:
        """The columns a file declares, with the types of those it has any for; JSON declares none."""
        if self.format == "parquet":
            schema = formats.parquet_schema(file)
            drift.require_types(self.entity, {field.name: formats.kind(field.type) for field in schema})
            return {field.name: str(field.type) for field in schema}
        if self.format == "csv":
            header = self._headers[file.name] = formats.csv_header(file, self.encoding, self.delimiter)
            return dict.fromkeys(header, "text")
        formats.first_look(file, self.encoding)
        return {}

    def _reading(self, connection: duckdb.DuckDBPyConnection) -> Reading:
        files = list(self._offered.values())
        if self.format == "parquet":
            return formats.parquet(connection, self._locations(files))
        if self.format == "csv":
            usual = self.entity.columns[0].name
            self._text = CsvFiles(files, self.encoding, self.delimiter, headers=self._headers, usual=usual)
        else:
            self._text = JsonLines(files, self.encoding)
        return self._text.reading(connection)

    def _locations(self, files: Iterable[DropFile]) -> dict[str, str]:
        """Where DuckDB reads each file, and its name; a link stands in for what it would take for a pattern."""
        names_by_location = {}
        for file in files:
            location = file.location
            if "://" not in location and (_PATTERN & set(location) or not location.isprintable()):
                location = self._alias(location)
            names_by_location[location] = file.name
        return names_by_location

    def _alias(self, location: str) -> str:
        if self._aliases is None:
            self._aliases = temporary_folder("files")
        folder = Path(self._aliases.name)
        alias = folder / f"{len(list(folder.iterdir()))}.parquet"
        alias.symlink_to(Path(location).resolve())
        return str(alias)

    def _leave_out(self, name: str, error: UnreadableFileError | DriftError | OSError) -> None:
        place = f"{self.entity.source}/{self.entity.name}, file {name}"
        if isinstance(error, OSError):
            cure = "make the file readable for the lake"
            self.leave_out(name, Trouble(place, message=error.strerror or str(error), cure=cure))
        else:
            state = "blocked" if isinstance(error, DriftError) else "failed"
            self.leave_out(name, Trouble(place, message=str(error.args[0]), cure=error.cure, state=state))


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True


def _batches(files: Mapping[str, DropFile]) -> Iterable[list[str]]:
    batch: list[str] = []
    size = 0
    for name, file in files.items():
        if batch and size + file.size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += file.size
    if batch:
        yield batch
