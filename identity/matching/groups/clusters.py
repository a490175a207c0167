"""Scored pairs -> people: ties are joined from the strongest down, as long as the whole of both sides agrees.

A tie is a pair above the model's threshold. Chains of ties can lead from one person to another (a record without a
birth date between father and son), so two parts are joined only while the weights of all pairs across them sum to more
than nothing: the correlation clustering of Bansal, Blum and Chawla (Machine Learning 2004), greedily from the strongest
tie down. Sums alone let many records that tell little outvote two that tell the people apart: parts that hold two
namesakes with birth dates of their own stay two, unless a number that is theirs ties them (`parts_bits`). A record that
fits two people equally well joins neither. Ties that are not followed go to the review queue.
"""

from collections import defaultdict
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa

from identity.matching.groups.components import Ints, connected_components, ints
from identity.matching.tables import JUDGED, PAIRS, PROFILES, REJECTED
from lake.sql.rows import single_value
from lake.sql.scratch import Computation, ScratchTable

#: Between parts of one component nobody compared: slightly against.
UNSEEN_BITS = -1.0
#: Components up to this many profiles have all their pairs compared.
MAX_COMPARED = 48
#: No person makes more different views than this: what ties them is a desk, a shop or a test.
MAX_PROFILES_PER_PERSON = 100
#: A record whose best tie to somebody else comes this close to its best tie to its own is nobody's.
AMBIGUOUS_BITS = 3.0
#: Weight of what cannot be (two valid national ids): above any sum of evidence.
CERTAIN_BITS = 10_000.0
#: Weight of what a person judged: above all else.
LABEL_BITS = 1_000_000.0
#: l, r, evidence, weight, is_tie, parts_bits.
_Pair = tuple[int, int, float, float, bool, float]
_REJECTED_ROWS = pa.schema([("l", pa.int64()), ("r", pa.int64()), ("reason", pa.string())])
#: The component of each node by its ties.
_COMPONENTS = ScratchTable("components", {"node": "BIGINT", "component": "BIGINT"})
#: Components in which not all pairs agree.
_SUSPECTS = ScratchTable("suspects", {"component": "BIGINT", "size": "BIGINT"})
_FIND_INCOMPLETE = Computation(
    "find pairs that no block proposed", reads=(PROFILES, JUDGED), changes=(PAIRS,), inner=(_COMPONENTS,)
)
_FIND_TIES = Computation("read the ties", reads=(JUDGED,))
_JOIN_PARTS = Computation("join parts", reads=(PROFILES, JUDGED), makes=(REJECTED,), inner=(_COMPONENTS, _SUSPECTS))


def incomplete_pairs(con: duckdb.DuckDBPyConnection, component: Ints) -> int:
    """Make `PAIRS` anew of the pairs inside a component of ties that are not judged yet, whether or not a block
    proposed them.

    Returns:
        How many they are.
    """
    with _FIND_INCOMPLETE.on(con) as step:
        step.put(_COMPONENTS, _component_rows(component))
        step.make(
            PAIRS,
            f"""with members as (
                    select c.component, p.pid, count(*) over (partition by c.component) as size
                    from profiles p join components c on c.node = p.pid),
                inside as (
                    select l, r, keys from pairs join components a on a.node = l
                    join components b on b.node = r and b.component = a.component
                    union all
                    select a.pid, b.pid, 0 from members a join members b on a.component = b.component and a.pid < b.pid
                    where a.size between 3 and {MAX_COMPARED})
                select l, r, max(keys) as keys from inside anti join judged using (l, r) group by l, r""",
        )
        return int(single_value(con, "select count(*) from pairs"))


def join_parts(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The person of each node: components of ties, taken apart where they contradict themselves. Makes `REJECTED`."""
    result = component.copy()
    rejected: list[tuple[int, int, str]] = []
    with _JOIN_PARTS.on(con) as step:
        step.put(_COMPONENTS, _component_rows(component))
        step.make(_SUSPECTS, _SUSPECTS_SQL)
        rows = con.sql(
            """select c.component, s.l, s.r, s.evidence, s.weight, s.is_tie, s.parts_bits
               from judged s join components c on c.node = s.l
               join components d on d.node = s.r and d.component = c.component
               join suspects u on u.component = c.component order by c.component, s.weight desc, s.l, s.r"""
        ).fetchnumpy()
        step.drop(_SUSPECTS, _COMPONENTS)
        bounds = np.flatnonzero(np.diff(rows["component"], prepend=-1, append=-1)) if len(rows["l"]) else np.array([0])
        columns = [rows[name].tolist() for name in ("l", "r", "evidence", "weight", "is_tie", "parts_bits")]
        for start, end in pairwise(bounds):
            pairs = list(zip(*(column[start:end] for column in columns), strict=True))
            for members in _people(pairs, rejected):
                result[members] = min(members)
        rejected_columns = zip(*sorted(set(rejected)), strict=True) if rejected else ((), (), ())
        step.put(REJECTED, pa.table([pa.array(column) for column in rejected_columns], schema=_REJECTED_ROWS))
    return result


_SUSPECTS_SQL = """
    with sizes as (
        select c.component, count(*) as size from profiles p join components c on c.node = p.pid
        group by c.component having count(*) > 2)
    select component, size from sizes join (
        select c.component, count(*) as agreeing from judged s join components c on c.node = s.l
        join components d on d.node = s.r and d.component = c.component
        where s.evidence > 0 group by c.component) using (component)
    where agreeing < size * (size - 1) / 2"""


def _people(pairs: list[_Pair], rejected: list[tuple[int, int, str]]) -> list[list[int]]:
    """One component's profiles as people; `pairs` strongest first."""
    cross: dict[int, dict[int, float]] = defaultdict(dict)
    own: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, evidence, _, _, bits in pairs:
        cross[left][right] = cross[right][left] = evidence
        if bits:
            own[left][right] = own[right][left] = bits
    parts = {node: [node] for node in cross}
    part_of = {node: node for node in cross}
    sums = {node: dict(others) for node, others in cross.items()}
    for left, right, _, _, is_tie, _ in pairs:
        a, b = part_of[left], part_of[right]
        if not is_tie or a == b:
            continue
        if len(parts[a]) + len(parts[b]) > MAX_PROFILES_PER_PERSON:
            rejected.append((left, right, "TOO_LARGE"))
        elif _between(parts[a], parts[b], compared=sums[a].get(b), cross=cross) <= 0 or _are_namesakes(
            parts[a], parts[b], own
        ):
            rejected.append((left, right, "CUT_BRIDGE"))
        else:
            _merge(a, b, parts=parts, part_of=part_of, sums=sums)
    ambiguous = _ambiguous(pairs, part_of, rejected)
    people = [[node for node in members if node not in ambiguous] for members in parts.values()]
    return [members for members in people if members] + [[node] for node in sorted(ambiguous)]


def _between(a: list[int], b: list[int], *, compared: float | None, cross: dict[int, dict[int, float]]) -> float:
    """The sum of weights across two parts; a pair that nobody compared counts slightly against.

    Args:
        compared: the sum over the pairs that were compared, None where none was.
        cross: node -> node -> weight of each pair that was compared.
    """
    if compared is None:
        return UNSEEN_BITS * len(a) * len(b)
    if len(a) * len(b) == 1:
        return compared
    small, large = sorted((a, b), key=len)
    compared_pairs = sum(1 for node in small for other in large if other in cross[node])
    return compared + UNSEEN_BITS * (len(a) * len(b) - compared_pairs)


def _are_namesakes(a: list[int], b: list[int], own: dict[int, dict[int, float]]) -> bool:
    """Whether two parts show two people of one name, and no number of their own says otherwise."""
    small, large = sorted((a, b), key=len)
    return sum(own[node].get(other, 0.0) for node in small if node in own for other in large) < 0


def _merge(
    a: int, b: int, *, parts: dict[int, list[int]], part_of: dict[int, int], sums: dict[int, dict[int, float]]
) -> None:
    if len(parts[a]) < len(parts[b]):
        a, b = b, a
    parts[a] += parts.pop(b)
    for node in parts[a]:
        part_of[node] = a
    sums_of_b = sums.pop(b)
    sums[a].pop(b, None)
    for other, weight in sums_of_b.items():
        if other != a:
            sums[a][other] = sums[a].get(other, 0.0) + weight
            sums[other][a] = sums[a][other]
            sums[other].pop(b, None)


def _ambiguous(pairs: list[_Pair], part_of: dict[int, int], rejected: list[tuple[int, int, str]]) -> set[int]:
    """Profiles whose best tie outside their part is nearly as good as their best tie inside it."""
    inside: dict[int, float] = {}
    outside: dict[int, tuple[float, int]] = {}
    for left, right, _, weight, is_tie, _ in pairs:
        for node, other in ((left, right), (right, left)):
            if part_of[node] == part_of[other]:
                inside[node] = max(inside.get(node, weight), weight)
            elif is_tie and weight > outside.get(node, (0.0, 0))[0]:
                outside[node] = (weight, other)
    ambiguous = set()
    for node, (weight, other) in outside.items():
        if node in inside and inside[node] < CERTAIN_BITS / 2 and inside[node] - weight < AMBIGUOUS_BITS:
            # Of two that fit each other by mistake only the one in doubt leaves; its partner has better ties.
            ambiguous.add(node)
            rejected.append((min(node, other), max(node, other), "AMBIGUOUS"))
    return ambiguous


def tie_components(con: duckdb.DuckDBPyConnection, size: int) -> Ints:
    """Connected components of all ties in `JUDGED`."""
    with _FIND_TIES.on(con):
        ties = con.sql("select l, r from judged where is_tie").fetchnumpy()
    return connected_components(size, ints(ties["l"]), ints(ties["r"]))


def _component_rows(component: Ints) -> pa.Table:
    return pa.table({"node": np.arange(len(component)), "component": component})
