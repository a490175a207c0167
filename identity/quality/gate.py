"""What the labels say of a grouping of records: how many pairs it got right, and whether it may be published.

Reads the settings for the agreed precision, and no table.

The grouping is the matcher's own, made without the labels: they beat the matcher, so with them nothing could be wrong,
and with the figures of the pairs alone nobody would see that it has become worse.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from contracts.errors import LakeError
from contracts.settings import load_settings
from identity.quality.evaluate import wilson
from identity.review.labels import DIFFERENT, SAME

_PAIRS_SHOWN = 5


@dataclass(frozen=True)
class Gate:
    """What the labels say.

    Precision: of the labelled pairs that the grouping gives to one person, the share that was judged the same. Recall:
    of those judged the same, the share that it gives to one person. Each with its 95 % interval
    (`identity.quality.evaluate.wilson`), and None where there is no such pair.

    Attributes:
        pairs: labelled pairs with both records in the grouping; `gone`: labelled pairs of which a record is not in it.
        claimed, right: pairs that the grouping joins, and those of them that were judged the same.
        same: pairs that were judged the same.
        wrong: pairs that the grouping joins and people judged different, as record_ids in order.
        missed: pairs that it does not join and people judged the same.
    """

    pairs: int = 0
    gone: int = 0
    claimed: int = 0
    right: int = 0
    same: int = 0
    wrong: tuple[tuple[str, str], ...] = ()
    missed: tuple[tuple[str, str], ...] = ()

    @property
    def precision(self) -> float | None:
        """Share of the claimed pairs that are right."""
        return self.right / self.claimed if self.claimed else None

    @property
    def recall(self) -> float | None:
        """Share of the pairs judged the same that were found."""
        return self.right / self.same if self.same else None

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Where the precision lies with 95 % confidence, were the labelled pairs drawn from all links."""
        return wilson(self.right, self.claimed)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """The same of the recall."""
        return wilson(self.right, self.same)

    def is_below(self, agreed: float, least_pairs: int) -> bool:
        """Whether enough pairs were judged, and too many of the claimed ones are wrong."""
        return self.pairs >= least_pairs and self.precision is not None and self.precision < agreed


class PrecisionError(LakeError):
    """The matcher's links are below the agreed precision on the labelled pairs: they must not be published."""

    def __init__(self, gate: Gate, agreed: float) -> None:
        low, high = gate.precision_interval
        shown = "; ".join(f"{left},{right}" for left, right in gate.wrong[:_PAIRS_SHOWN])
        more = f" and {len(gate.wrong) - _PAIRS_SHOWN} more" if len(gate.wrong) > _PAIRS_SHOWN else ""
        super().__init__(
            f"the matcher's precision on {gate.claimed} labelled pairs is {gate.precision:.4f} "
            f"({low:.3f} to {high:.3f}), below the agreed {agreed}: it joins {shown}{more}, which people judged "
            "different. The links stay as they were",
            cure="look at them: lake identity review PAIR. Where a judgement is wrong, take it back (lake identity "
            "label PAIR withdraw) and run again; where the matcher is, train it again, or find what joins them. To "
            "publish all the same, lower LAKE_IDENTITY_PRECISION and say why where others read it",
        )
        self.gate = gate
        self.agreed = agreed


def check_precision(grouping: pa.Table, labels: pa.Table) -> Gate:
    """What the labels say of a grouping, where it may be published.

    Args:
        grouping: `person_record_id`, `component` (any integer; equal where two records are one person), made without
            the labels.
        labels: `identity.review.labels.IN_FORCE`.

    Raises:
        PrecisionError: precision is below LAKE_IDENTITY_PRECISION, and at least LAKE_IDENTITY_LEAST_LABELS labelled
            pairs are in the grouping.
    """
    gate = judge(grouping, labels)
    settings = load_settings()
    if gate.is_below(settings.identity_precision, settings.identity_least_labels):
        raise PrecisionError(gate, settings.identity_precision)
    return gate


def judge(grouping: pa.Table, labels: pa.Table) -> Gate:
    """What the labels say of a grouping, whether or not it may be published."""
    return _judge(_labelled_pairs(labels), labelled_components(grouping, labels))


def judge_by_group(
    grouping: pa.Table, labels: pa.Table, groups: Mapping[str, Mapping[str, str | None]]
) -> dict[str, dict[str | None, Gate]]:
    """The same for each value of each group; a pair counts for every value that its two records have.

    Args:
        groups: group -> person_record_id -> value.
    """
    components = labelled_components(grouping, labels)
    gates: dict[str, dict[str | None, Gate]] = {}
    for group, value_of in groups.items():
        pairs: dict[str | None, list[tuple[str, str, str]]] = {}
        for left, right, label in _labelled_pairs(labels):
            if left in components and right in components:
                values = {value_of.get(left), value_of.get(right)}
                for value in (values - {None}) or values:
                    pairs.setdefault(value, []).append((left, right, label))
        gates[group] = {
            value: _judge(of_value, components)
            for value, of_value in sorted(pairs.items(), key=lambda item: (item[0] is None, item[0] or ""))
        }
    return gates


def labelled_components(grouping: pa.Table, labels: pa.Table) -> dict[str, int]:
    """The component of each labelled record that the grouping has."""
    wanted = pa.array(
        sorted({name for left, right, _ in _labelled_pairs(labels) for name in (left, right)}), pa.string()
    )
    rows = grouping.filter(pa.compute.is_in(grouping["person_record_id"], value_set=wanted))
    return dict(zip(rows["person_record_id"].to_pylist(), rows["component"].to_pylist(), strict=True))


def _labelled_pairs(labels: pa.Table) -> list[tuple[str, str, str]]:
    names = ("person_record_id_l", "person_record_id_r", "label")
    return list(zip(*(labels[name].to_pylist() for name in names), strict=True))


def _judge(labelled: list[tuple[str, str, str]], components: Mapping[str, int]) -> Gate:
    present = [pair for pair in labelled if pair[0] in components and pair[1] in components]
    joined = [(left, right, label) for left, right, label in present if components[left] == components[right]]
    matched = {(left, right) for left, right, _ in joined}
    return Gate(
        pairs=len(present),
        gone=len(labelled) - len(present),
        claimed=len(joined),
        right=sum(label == SAME for _, _, label in joined),
        same=sum(label == SAME for _, _, label in present),
        wrong=tuple((left, right) for left, right, label in joined if label == DIFFERENT),
        missed=tuple((left, right) for left, right, label in present if label == SAME and (left, right) not in matched),
    )
