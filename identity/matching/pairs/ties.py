"""Candidates -> ties: which pairs of profiles are one person by a rule, by the model or by a person's judgement.

The result is `JUDGED`: what `person_model.score` says of each pair, and `kind` (the reason's name), `is_tie`,
`is_labelled`, `is_contradiction`, `says_more` (something besides the name agrees), `parts_bits` (`clusters`). The
certain bits of judgements and of contradictions are in `weight` and `evidence`.
"""

from dataclasses import replace

import duckdb

from identity.matching.groups.clusters import CERTAIN_BITS, LABEL_BITS, incomplete_pairs, tie_components
from identity.matching.groups.components import Ints
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import create_pairs
from identity.matching.pairs.person_model import PersonModel, score
from identity.matching.pairs.rules import Contradiction, Evidence, Rule
from identity.matching.tables import JUDGED, LABELLED, PAIRS, PEOPLE, SCORED
from lake.sql.rows import single_value
from lake.sql.scratch import Computation
from lake.sql.text import literal

#: What must agree besides a name: two records of one name are two people until something else agrees.
_BESIDES_THE_NAME = {
    "birth_date": ("same", "one slip", "two slips"),
    "address": ("same", "similar", "same street, other place", "same postcode"),
    "email": ("same", "similar", "same before the @"),
    "phone": ("same", "one slip"),
    "national_id": ("same", "one slip"),
    "identifier": ("one shared",),
}

#: Weight of what shows two people and may yet be a mistake.
TWO_PEOPLE_BITS = 8.0

_ADD_LABELLED = Computation("add the pairs that people judged", reads=(LABELLED,), changes=(PAIRS,))
_JUDGE = Computation("judge pairs", reads=(LABELLED,), makes=(JUDGED,), drops=(SCORED,))
_JUDGE_MORE = replace(_JUDGE, makes=(), changes=(JUDGED,))


def find_ties(
    con: duckdb.DuckDBPyConnection,
    model: PersonModel,
    kinds: list[str],
    *,
    population: int,
    by_rules_only: bool = False,
    min_bits: float | None = None,
    is_part: bool = False,
) -> Ints:
    """Make `JUDGED`; return the component of each rid by its ties. Pairs inside a component are all judged.

    Args:
        kinds: what `blocking.create_keys` gave.
        population: number of records that strangers are drawn from.
        by_rules_only: the model ties no pair.
        min_bits: pairs of two components that are surely below this are left out; None judges all.
        is_part: the sizes of keys are those of `LAKE_SIZES`.
    """
    with Computation("count people", reads=(PEOPLE,)).on(con):
        size = int(single_value(con, "select count(*) from people"))
    create_pairs(con, kinds, is_part=is_part)
    with _ADD_LABELLED.on(con) as step:
        step.insert(PAIRS, "select l, r, 0 as keys from labelled anti join pairs using (l, r)")
    judge(con, model, kinds, population=population, by_rules_only=by_rules_only, min_bits=min_bits)
    component = tie_components(con, size)
    if incomplete_pairs(con, component):
        judge(con, model, kinds, population=population, by_rules_only=by_rules_only, adds=True)
        component = tie_components(con, size)
    return component


def judge(
    con: duckdb.DuckDBPyConnection,
    model: PersonModel,
    kinds: list[str],
    *,
    population: int,
    by_rules_only: bool = False,
    min_bits: float | None = None,
    adds: bool = False,
) -> None:
    """Make `JUDGED` of `PAIRS`.

    Args:
        kinds: what `blocking.create_keys` gave.
        population: number of records that strangers are drawn from.
        by_rules_only: the model ties no pair.
        min_bits: pairs that are surely below this, labelled by nobody and tied by no rule, are left out.
        adds: add the pairs to those that are judged already.
    """
    kind = _kind_sql(model, kinds)
    unless = f"{kind} is not null or (l, r) in (select (l, r) from labelled)"
    score(con, model, population=population, min_bits=min_bits, unless=unless)
    judged = _judged_sql(model, kind, by_rules_only=by_rules_only)
    with (_JUDGE_MORE if adds else _JUDGE).on(con) as step:
        if adds:
            step.insert(JUDGED, judged)
        else:
            step.make(JUDGED, judged)


def _judged_sql(model: PersonModel, kind: str, *, by_rules_only: bool) -> str:
    """SQL of the rows of `JUDGED` for those of `SCORED`; `kind`: SQL of the first rule that holds."""
    says_more = _any_of(model, _BESIDES_THE_NAME)
    by_model = f"weight >= {model.threshold_bits} and ({says_more})"
    tied = "rule is not null" if by_rules_only else f"rule is not null or ({by_model})"
    certain, likely = (
        " or ".join(contradicts(model, c) for c in rules.CONTRADICTIONS if c.is_certain is is_certain)
        for is_certain in (True, False)
    )
    own = _any_of(model, rules.OWN_NUMBER)
    parted = " or ".join(contradicts(model, c) for c in rules.CONTRADICTIONS if c.holds_for_parts)
    return f"""
        with named as (
            select *, {kind} as rule,
                   case when {certain} then -{CERTAIN_BITS} when {likely} then -{TWO_PEOPLE_BITS} end as against,
                   case when is_same then {LABEL_BITS} when not is_same then -{LABEL_BITS} end as label_bits
            from scored left join labelled using (l, r))
        select * exclude (rule, against, label_bits, is_same, weight, evidence),
               coalesce(label_bits, least(against, weight), weight) as weight,
               coalesce(label_bits, least(against, evidence), evidence) as evidence,
               case when is_same then {literal(rules.LABELLED_SAME)}
                    else coalesce(rule, {literal(rules.SIMILAR_PERSON)}) end as kind,
               coalesce(is_same, against is null and ({tied})) as is_tie,
               is_same is not null as is_labelled, against is not null as is_contradiction,
               {says_more} as says_more,
               cast(case when is_same or {own} then {LABEL_BITS} when {parted} then -1.0 else 0.0 end as double)
                   as parts_bits
        from named"""


def condition(model: PersonModel, comparison: str, labels: tuple[str, ...]) -> str:
    """SQL over `scored`: whether a comparison came to one of the levels with these labels (`not known` is one)."""
    levels = [level["label_for_charts"] for level in model.levels(comparison)]
    numbers = [-1 if label == "not known" else len(levels) - 1 - levels.index(label) for label in labels]
    return f"gamma_{comparison} in ({', '.join(map(str, numbers))})"


def _any_of(model: PersonModel, holds: dict[str, tuple[str, ...]]) -> str:
    return " or ".join(condition(model, comparison, labels) for comparison, labels in holds.items())


def contradicts(model: PersonModel, contradiction: Contradiction) -> str:
    """SQL over `scored`: whether two records show two people in this way."""
    unless = _any_of(model, contradiction.unless) or "false"
    return f"({_holds(model, contradiction)} and not ({unless}))"


def _holds(model: PersonModel, rule: Rule | Contradiction) -> str:
    return " and ".join(condition(model, comparison, labels) for comparison, labels in rule.holds.items())


def _kind_sql(model: PersonModel, kinds: list[str]) -> str:
    """SQL of the first rule that holds, null for none; a shared number by its kind."""
    issued = [(bit, kind) for bit, kind in enumerate(kinds) if rules.kind_of(kind).evidence is Evidence.ISSUED]
    issued = sorted(((b, k) for b, k in issued if k != "national_id"), key=lambda item: rules.kind_of(item[1]).turn)
    by_kind = " ".join(f"when keys & {1 << bit} <> 0 then {literal(rules.rule_of(kind))}" for bit, kind in issued)
    shared = f"case {by_kind} else 'SAME_IDENTIFIER' end" if by_kind else "'SAME_IDENTIFIER'"
    cases = []
    for rule in rules.RULES:
        holds, name = _holds(model, rule), literal(rule.name)
        if rule.name == rules.SAME_CONTACT_CARD:
            holds += f" and keys & {1 << len(kinds)} <> 0"
        if "{KIND}" in rule.name:
            name = shared
        cases.append(f"when {holds} then {name}")
    return f"case {' '.join(cases)} end"
