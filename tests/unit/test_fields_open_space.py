"""The medium reaches every empty voxel from which a path of empty voxels leads to the border."""

from collections import deque
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorabm.fields.open_space import open_space


def flooded_from_the_border(empty: np.ndarray) -> np.ndarray:
    """Naive twin: walk from voxel to voxel."""
    axes = [axis for axis in range(3) if not (axis == 0 and empty.shape[0] == 1)]
    at_border = [
        place
        for place in product(*map(range, empty.shape))
        if any(place[axis] in (0, empty.shape[axis] - 1) for axis in axes)
    ]
    reached = np.zeros(empty.shape, dtype=bool)
    waiting = deque(place for place in at_border if empty[place])
    while waiting:
        place = waiting.popleft()
        if reached[place]:
            continue
        reached[place] = True
        for axis, step in product(range(3), (-1, 1)):
            near = list(place)
            near[axis] += step
            if 0 <= near[axis] < empty.shape[axis] and empty[tuple(near)]:
                waiting.append(tuple(near))
    return reached


@given(
    st.tuples(st.integers(1, 4), st.integers(2, 6), st.integers(2, 6)).flatmap(lambda shape: arrays(np.bool_, shape))
)
def test_it_agrees_with_a_walk_from_voxel_to_voxel(empty: np.ndarray) -> None:
    assert np.array_equal(open_space(empty), flooded_from_the_border(empty))


def test_a_hollow_inside_a_tissue_is_not_reached() -> None:
    empty = np.ones((5, 5, 5), dtype=bool)
    empty[1:4, 1:4, 1:4] = False
    empty[2, 2, 2] = True
    reached = open_space(empty)
    assert not reached[2, 2, 2]
    assert reached.sum() == 125 - 27
