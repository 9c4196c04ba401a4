"""The share of space that cells take around each cell, against a plain O(n²) twin and known packings."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import crowding

BIN_UM = 20.0


def naive_crowding(positions, radii, box, ndim):
    """Return for each cell what the cells in the 3 x 3 (x 3) bins around it take of these bins' true space."""
    last = np.ceil(box[:ndim] / BIN_UM) - 1.0
    bins = np.clip(np.floor(positions[:, :ndim] / BIN_UM), 0.0, last)
    spaces = math.pi * radii**2 if ndim == 2 else 4.0 / 3.0 * math.pi * radii**3
    crowding_of = np.empty(len(bins))
    for cell, here in enumerate(bins):
        around = np.minimum((here + 2.0) * BIN_UM, box[:ndim]) - np.maximum((here - 1.0) * BIN_UM, 0.0)
        near = (abs(bins - here) <= 1.0).all(axis=1)
        crowding_of[cell] = spaces[near].sum() / around.prod()
    return crowding_of


@st.composite
def tissues(draw):
    """Draw positions, radii, uids, box and dimension: boxes of whole bins or not, and narrower than one."""
    ndim = draw(st.sampled_from([2, 3]))
    box = np.array(draw(st.tuples(*[st.sampled_from([10.0, 20.0, 45.0, 60.0, 119.0, 300.0])] * 3)))
    n = draw(st.integers(0, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions = random.uniform(0.0, 1.0, (n, 3)) * box * draw(st.sampled_from([0.3, 1.0]))
    if draw(st.booleans()):
        positions = np.round(positions / 10.0) * 10.0  # on the edges of bins, and on the walls
    return np.minimum(positions, box), random.uniform(4.0, 12.0, n), random.permutation(n) * 5 + 2, box, ndim


@settings(max_examples=60, deadline=None)
@given(tissues())
def test_crowding_is_what_cells_take_of_the_bins_around(tissue):
    positions, radii, uids, box, ndim = tissue
    found = crowding(positions, radii, uids, box, ndim)
    np.testing.assert_allclose(found, naive_crowding(positions, radii, box, ndim), rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(tissues(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(tissue, random):
    positions, radii, uids, box, ndim = tissue
    order = np.array(random.sample(range(len(uids)), len(uids)), dtype=int)
    shuffled = crowding(positions[order], radii[order], uids[order], box, ndim)
    assert (shuffled == crowding(positions, radii, uids, box, ndim)[order]).all()


@pytest.mark.parametrize("side_um", [2000.0, 1990.0, 2001.0])
def test_a_hexagonal_packing_in_contact_takes_the_known_fraction_of_the_plane(side_um):
    radius = 5.0
    y = np.arange(0.0, side_um, math.sqrt(3.0) * radius)
    x = np.arange(0.0, side_um, 2.0 * radius)[None] + radius * (np.arange(y.size) % 2)[:, None]
    positions = np.column_stack([x.ravel(), np.repeat(y, x.shape[1]), np.full(x.size, 10.0)])
    positions = positions[positions[:, 0] < side_um]
    n = len(positions)
    found = crowding(positions, np.full(n, radius), np.arange(n), np.array([side_um, side_um, 20.0]), 2)
    assert found.mean() == pytest.approx(math.pi / math.sqrt(12.0), rel=0.01)


def test_a_cubic_packing_in_contact_takes_the_known_fraction_of_space():
    radius, side_um = 5.0, 200.0
    along = np.arange(radius, side_um, 2.0 * radius)
    positions = np.stack(np.meshgrid(along, along, along), axis=-1).reshape(-1, 3)
    n = len(positions)
    found = crowding(positions, np.full(n, radius), np.arange(n), np.full(3, side_um), 3)
    np.testing.assert_allclose(found, math.pi / 6.0, rtol=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    box = np.array([100.0, 100.0, 20.0])
    with pytest.raises(ValueError, match=r"radii_um has shape \(2,\); expected \(3,\)"):
        crowding(np.zeros((3, 3)), np.ones(2), np.arange(3), box, 2)
    with pytest.raises(ValueError, match="ndim is 1"):
        crowding(np.zeros((3, 3)), np.ones(3), np.arange(3), box, 1)
