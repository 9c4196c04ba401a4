"""Compression and contact of overlapping discs: closed forms, sums over the tissue, and a twin that clips polygons."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import compression
from tumorabm.threads import Threads

ONE = Threads(1)
BOX = np.array([400.0, 400.0, 20.0])


def measure(centres, radii, threads=ONE, uids=None):
    """Return both measures of discs around ``centres`` (n, 2)."""
    centres = np.asarray(centres, float)
    positions = np.column_stack((centres, np.full(len(centres), 10.0)))
    uids = np.arange(len(centres)) if uids is None else uids
    return compression(positions, np.asarray(radii, float), uids, BOX, threads)


def clip(polygon, normal, reach):
    """Return the part of a convex ``polygon`` (n, 2) with p · normal <= reach."""
    side = polygon @ normal - reach
    kept = []
    for a, b, side_a, side_b in zip(polygon, np.roll(polygon, -1, 0), side, np.roll(side, -1), strict=True):
        if side_a <= 0.0:
            kept.append(a)
        if side_a * side_b < 0.0:
            kept.append(a + (b - a) * side_a / (side_a - side_b))
    return np.array(kept).reshape(-1, 2)


def shoelace(polygon):
    """Return the area of a polygon."""
    x, y = polygon.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def naive_compression(centres, radii, corners=720, points=20_000):
    """Cut a polygon of many corners by each radical line, and try points of the rim against every other disc."""
    angles = 2.0 * math.pi / corners * np.arange(corners)
    rim = 2.0 * math.pi / points * (np.arange(points) + 0.5)
    area, contact = np.ones(len(radii)), np.zeros(len(radii))
    for i in range(len(radii)):
        polygon = radii[i] * np.column_stack((np.cos(angles), np.sin(angles)))
        whole = shoelace(polygon)
        touched = np.zeros(points, bool)
        at_rim = centres[i] + radii[i] * np.column_stack((np.cos(rim), np.sin(rim)))
        sharers = 1
        for j in range(len(radii)):
            offset = centres[j] - centres[i]
            distance = float(np.linalg.norm(offset))
            if j == i or distance >= radii[i] + radii[j]:
                continue
            if distance == 0.0:
                if radii[i] == radii[j]:
                    sharers += 1
                elif radii[i] < radii[j]:
                    polygon, touched[:] = polygon[:0], True
                continue
            touched |= np.linalg.norm(at_rim - centres[j], axis=1) < radii[j]
            power = (distance**2 + radii[i] ** 2 - radii[j] ** 2) / (2.0 * distance)
            polygon = clip(polygon, offset / distance, power)
        area[i] = shoelace(polygon) / whole / sharers
        contact[i] = 1.0 - (1.0 - touched.mean()) / sharers
    return area, contact


@st.composite
def monolayers(draw):
    """Draw discs: sparse or piled up, even or very uneven, some at one place, some of one size."""
    n = draw(st.integers(1, 14))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centres = random.uniform(100.0, 100.0 + draw(st.sampled_from([3.0, 25.0, 60.0])), (n, 2))
    radii = random.uniform(*draw(st.sampled_from([(6.0, 6.5), (2.0, 12.0)])), n)
    if draw(st.booleans()):
        centres[: n // 2] = centres[0]
    if draw(st.booleans()):
        radii[: n // 3] = radii[0]
    return centres, radii


@settings(max_examples=60, deadline=None)
@given(monolayers())
def test_measures_agree_with_clipped_polygons(monolayer):
    area, contact = measure(*monolayer)
    naive_area, naive_contact = naive_compression(*monolayer)
    np.testing.assert_allclose(area, naive_area, atol=5e-5)  # the polygon's sides lie within 1e-5 radii of the circle
    np.testing.assert_allclose(contact, naive_contact, atol=2.0 * len(area) / 20_000)


def test_a_disc_by_itself_is_not_compressed():
    area, contact = measure([[50.0, 50.0], [90.0, 50.0], [50.0, 62.0]], [6.0, 6.0, 6.0])
    assert area.tolist() == [1.0, 1.0, 1.0]  # the first and the last touch in one point
    assert contact.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("distance", [1e-9, 0.01, 4.0, 8.0, 11.999])
def test_two_equal_discs_lose_one_segment_each(distance):
    area, contact = measure([[50.0, 50.0], [50.0 + distance, 50.0]], [6.0, 6.0])
    half_angle = math.acos(distance / 12.0)
    segment = (half_angle - math.sin(half_angle) * math.cos(half_angle)) / math.pi
    np.testing.assert_allclose(area, 1.0 - segment, rtol=1e-6)
    np.testing.assert_allclose(contact, half_angle / math.pi, rtol=1e-6)


def test_a_small_disc_loses_more_than_half_where_its_centre_lies_beyond_the_cut():
    small, large, distance = 3.0, 8.0, 6.0
    area, contact = measure([[50.0, 50.0], [50.0, 50.0 + distance]], [small, large])
    reach = (distance**2 + small**2 - large**2) / (2.0 * distance)
    assert reach < 0.0
    half_angle = math.acos(reach / small)
    assert half_angle > 0.5 * math.pi
    assert area[0] == pytest.approx(1.0 - (half_angle - math.sin(half_angle) * math.cos(half_angle)) / math.pi)
    assert contact[0] == pytest.approx(half_angle / math.pi)
    lens = (1.0 - area[0]) * small**2 + (1.0 - area[1]) * large**2  # both segments together, over pi
    cosines = ((distance**2 + r**2 - s**2) / (2.0 * distance * r) for r, s in [(small, large), (large, small)])
    angles = [2.0 * math.acos(cosine) for cosine in cosines]
    known = 0.5 * (small**2 * (angles[0] - math.sin(angles[0])) + large**2 * (angles[1] - math.sin(angles[1])))
    assert lens * math.pi == pytest.approx(known)


def hexagonal(spacing, rows=9):
    """Return the centres of a hexagonal packing, and the number of the one in the middle."""
    x, y = np.meshgrid(np.arange(rows), np.arange(rows))
    centres = np.column_stack(((x + 0.5 * (y % 2)).ravel(), math.sqrt(0.75) * y.ravel())) * spacing + 100.0
    return centres, rows * rows // 2


@pytest.mark.parametrize("spacing_in_radii", [1.0, 1.5, 1.7, 1.732, 1.75, 1.9, 1.999])
def test_hexagonally_packed_discs_become_hexagons(spacing_in_radii):
    centres, middle = hexagonal(6.0 * spacing_in_radii)
    area, contact = measure(centres, np.full(len(centres), 6.0))
    half_angle = math.acos(0.5 * spacing_in_radii)
    if half_angle >= math.pi / 6.0:  # the six segments meet: a whole hexagon of this width remains
        assert area[middle] == pytest.approx(math.sqrt(0.75) * spacing_in_radii**2 / math.pi)
        assert contact[middle] == pytest.approx(1.0)
    else:
        segment = (half_angle - math.sin(half_angle) * math.cos(half_angle)) / math.pi
        assert area[middle] == pytest.approx(1.0 - 6.0 * segment)
        assert contact[middle] == pytest.approx(6.0 * half_angle / math.pi)


def test_four_discs_at_right_angles_leave_a_square():
    centres = 100.0 + np.array([[0.0, 0.0], [5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
    area, contact = measure(centres, np.full(5, 6.0))
    assert area[0] == pytest.approx(25.0 / (math.pi * 36.0))
    assert contact[0] == 1.0


@pytest.mark.parametrize("offset", [0.0, 1.5, 3.0])
def test_a_disc_inside_another_has_nothing_of_its_own_and_takes_nothing(offset):
    area, contact = measure([[50.0, 50.0], [50.0 + offset, 50.0]], [5.0, 8.0])
    assert area.tolist() == [0.0, 1.0]
    assert contact.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("sharers", [2, 3, 5])
def test_equal_discs_at_one_place_share_alike(sharers):
    area, contact = measure([[50.0, 50.0]] * sharers + [[50.0, 56.0]], [6.0] * (sharers + 1))
    alone, alone_contact = measure([[50.0, 50.0], [50.0, 56.0]], [6.0, 6.0])
    np.testing.assert_allclose(area[:sharers], alone[0] / sharers, rtol=1e-12)
    np.testing.assert_allclose(1.0 - contact[:sharers], (1.0 - alone_contact[0]) / sharers, rtol=1e-12)
    assert area[-1] == pytest.approx(alone[1])
    assert contact[-1] == pytest.approx(alone_contact[1])


@pytest.mark.parametrize("offset", [0.0, 1e-14, 1e-11, 1e-9, 1e-8, 1e-7, 1e-6, 1e-4])
@pytest.mark.parametrize("direction", [0.0, 0.7, 2.0])
def test_two_cuts_that_nearly_coincide_count_once(offset, direction):
    across, along = np.array([-math.sin(direction), math.cos(direction)]), [math.cos(direction), math.sin(direction)]
    near = 50.0 + 7.0 * np.array(along)
    once = measure([[50.0, 50.0], near], [6.0, 6.0])
    twice = measure([[50.0, 50.0], near, near + offset * across], [6.0, 6.0, 6.0])
    assert twice[0][0] == pytest.approx(once[0][0], abs=1e-7 + offset)
    assert twice[1][0] == pytest.approx(once[1][0], abs=1e-12 + offset)


@settings(max_examples=20, deadline=None)
@given(monolayers())
def test_own_areas_add_up_to_the_area_of_the_tissue(monolayer):
    centres, radii = monolayer
    area, _ = measure(centres, radii)
    low, high = (centres - radii[:, None]).min(axis=0), (centres + radii[:, None]).max(axis=0)
    steps = 700
    x, y = (low[k] + (high[k] - low[k]) / steps * (np.arange(steps) + 0.5) for k in (0, 1))
    covered = np.zeros((steps, steps), bool)
    for (cx, cy), radius in zip(centres, radii, strict=True):
        covered |= (x[:, None] - cx) ** 2 + (y[None] - cy) ** 2 < radius**2
    tissue = covered.mean() * np.prod(high - low)
    assert (area * math.pi * radii**2).sum() == pytest.approx(tissue, rel=2e-3)


@settings(max_examples=60, deadline=None)
@given(monolayers())
def test_a_further_disc_never_gives_room_nor_frees_a_rim(monolayer):
    centres, radii = monolayer
    area, contact = measure(centres, radii)
    area_before, contact_before = measure(centres[:-1], radii[:-1])
    assert ((area >= 0.0) & (area <= 1.0) & (contact >= 0.0) & (contact <= 1.0)).all()
    assert (area[:-1] <= area_before + 1e-7).all()
    assert (contact[:-1] >= contact_before - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(monolayers(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_changes_no_bit(monolayer, seed):
    centres, radii = monolayer
    uids = np.arange(len(radii)) * 7 + 1
    new = np.random.default_rng(seed).permutation(len(radii))
    before, after = measure(centres, radii, uids=uids), measure(centres[new], radii[new], uids=uids[new])
    np.testing.assert_array_equal(before[0][new], after[0])
    np.testing.assert_array_equal(before[1][new], after[1])


def test_two_threads_change_no_bit():
    random = np.random.default_rng(4)
    centres, radii = random.uniform(20.0, 380.0, (3000, 2)), random.uniform(3.0, 7.0, 3000)
    for one, two in zip(measure(centres, radii), measure(centres, radii, Threads(2)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_no_discs_have_no_measures():
    area, contact = measure(np.empty((0, 2)), np.empty(0))
    assert area.shape == contact.shape == (0,)


@pytest.mark.parametrize(
    ("centres", "radii", "message"),
    [
        ([[50.0, 50.0]], [6.0, 6.0], "radii_um has shape"),
        ([[50.0, 500.0]], [6.0], r"centres outside the box of \[400.0, 400.0\]"),
        ([[50.0, math.nan]], [6.0], "centres outside the box"),
        ([[50.0, 50.0]], [0.0], "radii_um spans"),
    ],
)
def test_bad_arrays_are_refused(centres, radii, message):
    with pytest.raises(ValueError, match=message):
        measure(centres, radii)
