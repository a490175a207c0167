"""What a landing reports: per entity and per source, in numbers and plain words."""

from dataclasses import dataclass, field
from typing import Any

from ingestion.connectors.base import Trouble

#: From best to worst; a source is as well as its worst entity.
STATES = ("absent", "idle", "landed", "blocked", "failed")


@dataclass
class Counts:
    """`received` = `landed` + `quarantined` + `doubled`, always."""

    received: int = 0
    landed: int = 0
    quarantined: int = 0
    doubled: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.received + other.received,
            landed=self.landed + other.landed,
            quarantined=self.quarantined + other.quarantined,
            doubled=self.doubled + other.doubled,
        )


@dataclass
class EntityResult:
    """One entity's landing. State `blocked`: a change of shape has to be agreed first; the data stays at the source."""

    source: str
    entity: str
    counts: Counts = field(default_factory=Counts)
    batches: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """idle, landed, blocked or failed."""
        if self.troubles:
            return max((t.state for t in self.troubles), key=STATES.index)
        return "landed" if self.batches else "idle"


@dataclass
class SourceResult:
    """One source's landing; `error` and `cure` say what a person has to do, None where all is well."""

    source: str
    entities: list[EntityResult] = field(default_factory=list)
    error: str | None = None
    cure: str | None = None
    seconds: float = 0.0
    is_absent: bool = False

    @property
    def state(self) -> str:
        """absent (a replayed world lacks this system), idle, landed, blocked or failed."""
        if self.is_absent:
            return "absent"
        if self.error is not None and not any(e.troubles for e in self.entities):
            return "failed"
        return max((e.state for e in self.entities), key=STATES.index, default="idle")

    @property
    def counts(self) -> Counts:
        """Sum over the entities."""
        return sum((e.counts for e in self.entities), Counts())

    @property
    def changed(self) -> list[str]:
        """Entities that landed something."""
        return [e.entity for e in self.entities if e.batches]

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and run metadata."""
        return {
            "source": self.source,
            "state": self.state,
            "error": self.error,
            "cure": self.cure,
            "seconds": round(self.seconds, 3),
            **vars(self.counts),
            "entities": [
                {"entity": e.entity, "state": e.state, **vars(e.counts), "batches": e.batches,
                 "new_columns": e.new_columns, "troubles": [str(t) for t in e.troubles]}
                for e in self.entities
            ],
        }  # fmt: skip
