"""`lake identity evaluate`: links against a truth in files, or the lake's own links against the labels of people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import LakeError

if TYPE_CHECKING:
    from identity.quality.evaluate import Evaluation
    from identity.quality.figures import ByGroup, Quality
    from identity.quality.gate import Gate


class EvaluateUsageError(LakeError):
    """One of two files that belong together was given."""

    exit_code = 2


def evaluate(
    links: Annotated[Path | None, typer.Option(help="Parquet file: record_id, person_id.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Parquet file: record_id, truth (null: not known).")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="Parquet file: record_id and columns to compare people by, as gender.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How good links are: two files against each other; without files, the lake's links against people's labels."""
    if (links is None) != (truth is None) or (groups is not None and links is None):
        raise EvaluateUsageError(
            "links are evaluated against a truth, and one of the two was not given",
            cure="give both --links and --truth; or neither, to compare the lake's own links with the labels",
        )
    if links is not None and truth is not None:
        _evaluate_files(links, truth=truth, groups=groups, json=json)
    else:
        _evaluate_lake(json)


def _evaluate_files(links: Path, *, truth: Path, groups: Path | None, json: bool) -> None:
    from cli._identity_names import read_by_record
    from cli.screens.printing import print_json
    from identity.quality.evaluate import evaluate as evaluate_links

    evaluation = evaluate_links(
        read_by_record(links, "links", "--links"),
        read_by_record(truth, "truth", "--truth"),
        read_by_record(groups, "groups", "--groups") if groups else None,
    )
    if json:
        print_json(evaluation.as_dict())
        return
    _print(evaluation)


def _print(evaluation: "Evaluation") -> None:
    from cli.screens.printing import print_table
    from contracts.wording import many

    figures = evaluation.all
    print_table(
        f"{many(figures.records, 'record')}: {many(figures.persons, 'person')} found, truly {figures.true_persons:,}",
        ["of", "precision", "recall", "F1"],
        [
            ("pairs of records", *_shares(figures.precision, figures.recall, figures.f1)),
            ("whole persons", *_shares(figures.cluster_precision, figures.cluster_recall, figures.cluster_f1)),
            ("records (B-cubed)", *_shares(figures.b_cubed_precision, figures.b_cubed_recall, figures.b_cubed)),
        ],
    )
    merged, split = many(figures.over_merged, "person found", "persons found"), many(figures.split, "person", "people")
    print(f"merged too much  {merged} with records of several people ({figures.over_merged_share:.2%})")
    print(f"split            {split} found as several persons ({figures.split_share:.2%})")
    left_out = {
        "in the links and given to nobody": evaluation.unresolved,
        "whose truth is not known": evaluation.truth_unknown,
        "only in the links": evaluation.links_without_truth,
        "only in the truth": evaluation.truth_without_links,
    }
    for words, count in left_out.items():
        if count:
            print(f"left out         {many(count, 'record')} {words}")
    for column, values in evaluation.groups.items():
        print()
        print_table(
            f"By {column.replace('_', ' ')}: pairs with at least one such record",
            [column, "records", "precision", "recall", "F1", "B-cubed", "merged too much", "split"],
            [
                (
                    value or "not known",
                    own.records,
                    *_shares(own.precision, own.recall, own.f1, own.b_cubed),
                    f"{own.over_merged_share:.2%}",
                    f"{own.split_share:.2%}",
                )
                for value, own in values.items()
            ],
        )


def _evaluate_lake(json: bool) -> None:
    from dataclasses import asdict

    from cli.screens.printing import print_json
    from contracts.settings import load_settings
    from identity.quality.figures import history, judge_published
    from identity.review.labels import read_labels

    labels, runs = read_labels(), history()
    gate, by_group = judge_published(labels)
    if json:
        print_json(
            {
                "labels": labels.num_rows,
                "agreed_precision": load_settings().identity_precision,
                "links": _document(gate),
                "groups": {
                    group: [{"value": value, **_document(own)} for value, own in values.items()]
                    for group, values in by_group.items()
                },
                "runs": [asdict(run) for run in runs],
            }
        )
        return
    if labels.num_rows == 0:
        print("nobody has labelled a pair yet, so nobody knows how good the links are")
        print("begin with: lake identity review --sample 50   (or the hard ones: lake identity review)")
    else:
        _print_lake(gate, by_group)
    if runs:
        _print_runs(runs)


def _print_lake(gate: "Gate", by_group: "ByGroup") -> None:
    from cli.screens.printing import harmless, print_table
    from contracts.wording import many

    rows = [("all", "", gate)] + [
        (group.replace("_", " "), value or "not known", own)
        for group, values in by_group.items()
        for value, own in values.items()
    ]
    print_table(
        f"The links as published, against {gate.pairs:,} labelled pairs",
        ["people", "", "pairs", "precision", "95 %", "recall", "95 %"],
        [
            (
                group,
                value,
                own.pairs,
                _share(own.precision),
                _interval(own.precision_interval, own.precision),
                _share(own.recall),
                _interval(own.recall_interval, own.recall),
            )
            for group, value, own in rows
        ],
    )
    if gate.gone:
        print(f"  left out: {many(gate.gone, 'labelled pair')} with a record that is no longer in the lake")
    for words, pairs in (("joined, judged different", gate.wrong), ("apart, judged the same", gate.missed)):
        for left, right in pairs[:10]:
            print(harmless(f"  {words}: {left},{right}"))
    if gate.wrong or gate.missed:
        print("  labels that are newer than the last run take effect with the next one: lake run")


def _print_runs(runs: "list[Quality]") -> None:
    from cli.screens.printing import print_table
    from contracts.settings import load_settings

    print()
    print_table(
        f"The matcher alone, without the labels, run by run (agreed precision {load_settings().identity_precision})",
        ["run of", "run", "state", "labelled pairs", "precision", "95 %", "recall", "persons", "open reviews"],
        [
            (
                f"{one.ran_at:%Y-%m-%d %H:%M}",
                one.run,
                one.state,
                one.labelled_pairs,
                _share(one.precision),
                _interval((one.precision_low or 0.0, one.precision_high or 0.0), one.precision),
                _share(one.recall),
                one.persons,
                one.open_reviews,
            )
            for one in runs
        ],
    )


def _document(gate: "Gate") -> dict[str, object]:
    low, high = gate.precision_interval
    recall_low, recall_high = gate.recall_interval
    return {
        "pairs": gate.pairs,
        "gone": gate.gone,
        "precision": gate.precision,
        "precision_interval": [low, high],
        "recall": gate.recall,
        "recall_interval": [recall_low, recall_high],
        "wrong": gate.wrong,
        "missed": gate.missed,
    }


def _shares(*shares: float) -> list[str]:
    return [_share(share) for share in shares]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"


def _interval(interval: tuple[float, float], share: float | None) -> str:
    return "-" if share is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
