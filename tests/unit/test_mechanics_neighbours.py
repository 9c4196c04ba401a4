"""Cells ordered by voxel, neighbour lists and contacts against plain O(n²) twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import contacts, find_neighbours, order_by_voxel, sum_by_voxel
from tumorabm.threads import Threads

ONE = Threads(1)


def naive_pairs(positions, radii, reach, skin):
    """Return the set of (i, j) that are near each other."""
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = distance <= reach * (radii[:, None] + radii[None]) + skin
    np.fill_diagonal(near, False)
    return {(int(i), int(j)) for i, j in np.argwhere(near)}


@st.composite
def tissues(draw):
    """Draw positions, radii and uids: dense or sparse, 2-D or 3-D, even or very uneven radii, uids in any order."""
    n = draw(st.integers(1, 60))
    ndim = draw(st.sampled_from([2, 3]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    edge = draw(st.sampled_from([5.0, 60.0, 3000.0]))
    positions = random.uniform(0.0, edge, (n, 3))
    if ndim == 2:
        positions[:, 2] = 10.0
    if draw(st.booleans()):
        positions[: n // 2] = positions[0]  # coincident centres
    radii = random.uniform(*draw(st.sampled_from([(6.0, 7.0), (0.5, 25.0)])), n)
    return positions, radii, random.permutation(n).astype(np.int64) * 7 + 1


@settings(max_examples=80, deadline=None)
@given(tissues(), st.sampled_from([(1.1, 0.0), (1.25, 3.0)]))
def test_lists_hold_exactly_the_near_pairs_in_order(tissue, range_):
    positions, radii, uids = tissue
    lists = find_neighbours(positions, radii, uids, *range_, ONE)
    assert sorted(lists.row) == list(range(len(uids)))
    found = []
    for place, row in enumerate(lists.row):
        places = lists.neighbour[lists.start[place] : lists.start[place + 1]]
        assert (np.diff(places) > 0).all()
        found += [(int(row), int(lists.row[other])) for other in places]
    assert len(found) == len(set(found))
    assert set(found) == naive_pairs(positions, radii, *range_)


@settings(max_examples=60, deadline=None)
@given(tissues(), st.sampled_from([(1.1, 0.0), (1.25, 3.0)]))
def test_each_pair_listed_once_is_listed_with_the_first_of_its_cells(tissue, range_):
    both = find_neighbours(*tissue, *range_, ONE)
    once = find_neighbours(*tissue, *range_, ONE, once=True)
    np.testing.assert_array_equal(once.row, both.row)
    for place in range(len(both.row)):
        near = both.neighbour[both.start[place] : both.start[place + 1]]
        np.testing.assert_array_equal(once.neighbour[once.start[place] : once.start[place + 1]], near[near > place])


def listed_contacts(rows, positions, radii, uids, reach=1.1):
    """Return for each of ``rows`` the rows that touch it, found on a grid of 40 voxels a side around the tissue."""
    shape = (40, 40, 40)
    positions = positions - positions.min(axis=0, initial=0.0)
    voxel_um = max(float(positions.max(initial=0.0)) / 39.0, 5.0)
    x, y, z = (positions // voxel_um).astype(np.int64).T
    order = order_by_voxel((z * 40 + y) * 40 + x, uids, 40**3)
    start, neighbour = contacts(rows, positions, radii, order, shape, voxel_um, reach)
    return [neighbour[start[k] : start[k + 1]].tolist() for k in range(len(rows))]


@settings(max_examples=60, deadline=None)
@given(tissues(), st.sampled_from([1.0, 1.1, 2.0]))
def test_contacts_are_the_touching_pairs(tissue, reach):
    positions, radii, uids = tissue
    rows = np.arange(len(uids))[::2]
    found = [(int(i), j) for i, near in zip(rows, listed_contacts(rows, *tissue, reach), strict=True) for j in near]
    assert len(found) == len(set(found))
    assert set(found) == {(i, j) for i, j in naive_pairs(positions, radii, reach, 0.0) if i % 2 == 0}


@settings(max_examples=40, deadline=None)
@given(tissues(), st.integers(0, 2**32 - 1))
def test_contacts_do_not_depend_on_the_order_of_the_rows(tissue, seed):
    positions, radii, uids = tissue
    new = np.random.default_rng(seed).permutation(len(uids))  # row i of the shuffled arrays is row new[i]
    rows = np.arange(len(uids))
    before = listed_contacts(rows, *tissue)
    after = listed_contacts(rows, positions[new], radii[new], uids[new])
    for i, row in enumerate(new):
        assert uids[new][after[i]].tolist() == uids[before[row]].tolist()


def test_lists_are_the_same_on_two_threads():
    random = np.random.default_rng(3)
    positions, radii = random.uniform(0.0, 400.0, (5000, 3)), random.uniform(5.0, 8.0, 5000)
    uids = random.permutation(5000)
    one = find_neighbours(positions, radii, uids, 1.25, 2.0, ONE)
    two = find_neighbours(positions, radii, uids, 1.25, 2.0, Threads(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_cells_have_no_neighbours():
    assert listed_contacts(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0), np.empty(0, np.int64)) == []


@pytest.mark.parametrize(
    ("positions", "radii", "message"),
    [
        (np.zeros((2, 2)), np.ones(2), "positions_um has shape"),
        (np.zeros((2, 3)), np.ones(3), "radii_um has shape"),
        (np.array([[0.0, 0.0, np.nan], [0.0, 0.0, 0.0]]), np.ones(2), "positions_um holds values that are not finite"),
        (np.zeros((2, 3)), np.array([1.0, 0.0]), "radii_um spans"),
        (np.zeros((2, 3)), np.array([1.0, np.nan]), "radii_um spans"),
    ],
)
def test_bad_arrays_are_refused(positions, radii, message):
    with pytest.raises(ValueError, match=message):
        find_neighbours(positions, radii, np.arange(2), 1.25, 1.0, ONE)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 400), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_order_is_that_of_voxel_and_uid(n, n_voxels, seed):
    random = np.random.default_rng(seed)
    voxels, uids = random.integers(0, n_voxels, n), random.permutation(n) + 2**40
    start, row = order_by_voxel(voxels, uids, n_voxels)
    assert row.tolist() == np.lexsort((uids, voxels)).tolist()
    assert np.diff(start).tolist() == np.bincount(voxels, minlength=n_voxels).tolist()


def test_a_voxel_outside_the_grid_is_refused():
    with pytest.raises(ValueError, match="expected 0 to 3"):
        order_by_voxel(np.array([0, 4]), np.array([1, 2]), 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_sums_by_voxel_are_right_and_do_not_depend_on_the_order_of_the_rows(n, seed):
    random = np.random.default_rng(seed)
    voxels, uids, values = random.integers(0, 12, n), random.permutation(n), random.lognormal(0.0, 5.0, n)
    out, out_new = np.empty((1, 3, 4)), np.empty((1, 3, 4))
    sum_by_voxel(order_by_voxel(voxels, uids, 12), values, out)
    np.testing.assert_allclose(out.ravel(), np.bincount(voxels, values, 12), rtol=1e-12)
    new = random.permutation(n)
    sum_by_voxel(order_by_voxel(voxels[new], uids[new], 12), values[new], out_new)
    np.testing.assert_array_equal(out, out_new)


def test_sums_are_refused_where_the_grid_does_not_fit():
    order = order_by_voxel(np.array([0, 1]), np.array([1, 2]), 4)
    with pytest.raises(ValueError, match="expected 4"):
        sum_by_voxel(order, np.ones(2), np.empty(5))
