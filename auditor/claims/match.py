"""Which observation of the draft is which of the reference: one to one, least total error.

Two observations can be the same thing when one's finding is the other's or a kind of it, or when both are
devices of one family. The cost of a pair is what would be wrong with it; leaving both unmatched always costs
more. Small groups of candidates are solved exactly (Hungarian method), very large ones greedily.
"""

from collections.abc import Sequence

from auditor.claims.lexicon import Lexicon
from auditor.claims.observations import Observation, alike, related, sides_agree, sites_agree

#: Beyond this many observations on a side of one group the exact method would no longer be quick.
_EXACT = 60
_UNMATCHED = 10.0


def same_family(a: str, b: str, lexicon: Lexicon) -> bool:
    """Whether two devices serve the same purpose, so that one may be taken for the other."""
    first, second = lexicon.findings[a], lexicon.findings[b]
    return first.family is not None and first.family == second.family


def _name_cost(draft: Observation, reference: Observation, lexicon: Lexicon) -> float | None:
    a, b = draft.finding, reference.finding
    if a == b:
        return 0.0
    if related(a, b, lexicon) or draft.specific_names(lexicon) & reference.specific_names(lexicon):
        return 1.0
    if alike(a, b, lexicon):
        return 1.5
    return 2.0 if same_family(a, b, lexicon) else None


def pair_cost(draft: Observation, reference: Observation, lexicon: Lexicon) -> float | None:
    """What would be wrong if the two were the same thing; None when they cannot be."""
    cost = _name_cost(draft, reference, lexicon)
    if cost is None:
        return None
    unsided = lexicon.findings[draft.finding].unsided or lexicon.findings[reference.finding].unsided
    sides = unsided or sides_agree(draft.side, reference.side)
    partial = sides or "bilateral" in (draft.side, reference.side)
    sites = sites_agree(draft.sites, reference.sites, lexicon)
    if not sites and not partial:
        return None  # another side and another site: another thing
    if 1.0 <= cost < 2.0 and not (partial and sites):
        return None
    if not sides:
        cost += 1.5 if partial else 3.0
    if not sites:
        cost += 1.5
    # of equal candidates the one that says the same
    cost += 0.2 * (draft.side != reference.side and not unsided) + 0.1 * (draft.sites != reference.sites)
    cost += 0.05 * (draft.severity != reference.severity) + 0.05 * (draft.sizes_mm != reference.sizes_mm)
    cost += 0.3 * (draft.tip != reference.tip)
    return cost + 0.02 * (draft.certainty != reference.certainty)


def assign(costs: Sequence[Sequence[float]]) -> list[int]:
    """Row → column of the assignment with the least total cost; rows must not outnumber columns.

    The shortest augmenting path form of the Hungarian method, O(rows² · columns).

    >>> assign([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0]])
    [1, 0]
    """
    rows, columns = len(costs), len(costs[0])
    u, v = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner, way = [0] * (columns + 1), [0] * (columns + 1)
    for row in range(1, rows + 1):
        owner[0], column = row, 0
        least = [float("inf")] * (columns + 1)
        used = [False] * (columns + 1)
        while owner[column]:
            used[column] = True
            current, delta, nearest = owner[column], float("inf"), 0
            for j in range(1, columns + 1):
                if used[j]:
                    continue
                reduced = costs[current - 1][j - 1] - u[current] - v[j]
                if reduced < least[j]:
                    least[j], way[j] = reduced, column
                if least[j] < delta:
                    delta, nearest = least[j], j
            for j in range(columns + 1):
                if used[j]:
                    u[owner[j]] += delta
                    v[j] -= delta
                else:
                    least[j] -= delta
            column = nearest
        while column:
            owner[column] = owner[way[column]]
            column = way[column]
    result = [0] * rows
    for j in range(1, columns + 1):
        if owner[j]:
            result[owner[j] - 1] = j - 1
    return result


def _groups(edges: dict[tuple[int, int], float], size: int) -> list[tuple[list[int], list[int]]]:
    """Connected groups of rows and columns."""
    by_row: dict[int, list[int]] = {}
    by_column: dict[int, list[int]] = {}
    for row, column in edges:
        by_row.setdefault(row, []).append(column)
        by_column.setdefault(column, []).append(row)
    seen: set[int] = set()
    groups = []
    for start in range(size):
        if start in seen or start not in by_row:
            continue
        rows, columns, todo = {start}, set[int](), [start]
        while todo:
            for column in by_row[todo.pop()]:
                if column not in columns:
                    columns.add(column)
                    new = [r for r in by_column[column] if r not in rows]
                    rows.update(new)
                    todo.extend(new)
        seen |= rows
        groups.append((sorted(rows), sorted(columns)))
    return groups


def match(
    drafts: Sequence[Observation], references: Sequence[Observation], lexicon: Lexicon
) -> list[tuple[int, int]]:
    """Pairs (index in drafts, index in references) of observations that are the same thing."""
    edges: dict[tuple[int, int], float] = {}
    for i, draft in enumerate(drafts):
        for j, reference in enumerate(references):
            cost = pair_cost(draft, reference, lexicon)
            if cost is not None:
                edges[i, j] = cost
    pairs: list[tuple[int, int]] = []
    for rows, columns in _groups(edges, len(drafts)):
        if len(rows) == 1 and len(columns) == 1:
            pairs.append((rows[0], columns[0]))
        elif max(len(rows), len(columns)) > _EXACT:
            pairs += _greedy({e: c for e, c in edges.items() if e[0] in set(rows)})
        else:
            pairs += _exact(rows, columns, edges)
    return sorted(pairs)


def _exact(rows: list[int], columns: list[int], edges: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    flip = len(rows) > len(columns)
    first, second = (columns, rows) if flip else (rows, columns)
    costs = [[edges.get((b, a) if flip else (a, b), _UNMATCHED) for b in second] for a in first]
    chosen = [(first[i], second[j]) for i, j in enumerate(assign(costs))]
    pairs = [(b, a) if flip else (a, b) for a, b in chosen]
    return [pair for pair in pairs if pair in edges]


def _greedy(edges: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    rows: set[int] = set()
    columns: set[int] = set()
    pairs = []
    for row, column in sorted(edges, key=lambda e: (edges[e], e)):
        if row not in rows and column not in columns:
            pairs.append((row, column))
            rows.add(row)
            columns.add(column)
    return pairs
