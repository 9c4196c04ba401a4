"""How much a cell of a monolayer is compressed, and how much of its rim touches others: what contact inhibition reads.

Cells are overlapping discs. Two that overlap are cut along their radical line (the chord through the two points where
their rims cross), so that every point of the tissue belongs to one cell: the power diagram of the discs. A cell's own
region is the convex set of the points of its disc on the near side of all its radical lines, which lie at

    a_j = (d² + R² - r_j²) / (2 d)        along the direction u_j to a neighbour of radius r_j at the distance d.

By Green's theorem its area is half the sum, over the pieces of its boundary, of length times distance from the centre:
R times that of the free arcs of the rim plus a_j times that of the part of each line that bounds the region. That is
exact whatever the number of cuts, and where the centre itself lies beyond one. The rim inside neighbour j is the arc of
half-angle arccos(a_j / R) around u_j; the share in contact is that of the union of these arcs.

The own areas of all cells add up to the area of the tissue, and their free rims to its outline. The OpenVT monolayer
reference sums pair by pair instead, 1 - sum (arccos φ - φ sqrt(1 - φ²)) / pi with φ = a_j / R for the area and chords,
1 - sum sqrt(1 - φ²) / pi, for the free rim [V, its PhysiCell and Chaste models]: the same area while no two cuts of a
cell meet, less where they do, and a little more free rim while no two arcs overlap.
"""

from __future__ import annotations

import math

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_box, as_column, as_points
from tumorabm.mechanics.neighbours import find_neighbours
from tumorabm.threads import Threads

_PARALLEL = 1e-8  # sine of the angle below which two radical lines have no point of crossing worth computing


def compression(
    positions_um: np.ndarray, radii_um: np.ndarray, uids: np.ndarray, box_um: np.ndarray, threads: Threads
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each disc's area that is its own, and the share of its rim that lies inside other discs.

    A disc inside another has no area of its own and all its rim in contact, and takes nothing from the other. Discs of
    one size at one place share their region and their free rim equally. Walls cut nothing. The result depends neither
    on the order of the rows nor on the number of threads.

    Parameters
    ----------
    positions_um
        float64 (n, 3), centres within the box; z is not looked at.
    radii_um
        float64 (n,), positive.
    uids
        int64 (n,), unique.
    box_um
        Edges of the box along x, y, z; it begins at 0.
    threads
        Threads to use.

    Returns
    -------
    area_fraction : ndarray
        float64 (n,), 0 to 1; 1 where no disc overlaps. Exact to rounding, or to 1e-7 where two cuts nearly coincide.
    contact_fraction : ndarray
        float64 (n,), 0 to 1; 0 where no disc overlaps. Exact to rounding.

    Raises
    ------
    ValueError
        If shapes differ, a centre lies outside the box or a radius is not positive.
    """
    positions_um = as_points("positions_um", positions_um)
    radii_um = as_column("radii_um", radii_um, len(positions_um), np.float64)
    box_um = as_box(box_um, 2)
    centres = positions_um.copy()
    centres[:, 2] = 0.0
    if not ((centres >= 0.0) & (centres <= box_um)).all():
        raise ValueError(f"positions_um holds centres outside the box of {box_um[:2].tolist()} µm along x, y")
    area_fraction, contact_fraction = np.empty(len(centres)), np.empty(len(centres))
    lists = find_neighbours(centres, radii_um, uids, 1.0, 0.0, threads)
    disc = np.column_stack((centres[:, :2], radii_um))[lists.row]
    threads.over_rows(
        _measure, len(centres), disc, lists.start, lists.neighbour, lists.row, area_fraction, contact_fraction
    )
    return area_fraction, contact_fraction


@kernel
def _measure(start, stop, disc, list_start, neighbour, row, area_fraction, contact_fraction):
    longest = 0
    for i in range(start, stop):
        longest = max(longest, list_start[i + 1] - list_start[i])
    cut = np.empty((longest, 4))  # u_x, u_y, a_j and half the chord's length, in radii
    arc = np.empty((longest + 1, 2))  # where the hidden arcs begin and end, 0 to 2 pi
    for i in range(start, stop):
        cuts, sharers = _cut(disc, i, neighbour[list_start[i] : list_start[i + 1]], cut)
        if cuts < 0:
            area, free = 0.0, 0.0
        elif cuts == 0:
            area, free = 1.0, 1.0
        else:
            free = 1.0 - _hidden_angle(cut[:cuts], arc) / (2.0 * math.pi)
            area = free + _area_under_cuts(cut[:cuts]) / math.pi
        area_fraction[row[i]] = min(max(area, 0.0), 1.0) / sharers
        contact_fraction[row[i]] = 1.0 - min(max(free, 0.0), 1.0) / sharers


@kernel
def _cut(disc, i, neighbours, cut):
    """List the radical lines of disc ``i``; return their number, -1 where a disc contains it, and how many share it."""
    x, y, radius = disc[i, 0], disc[i, 1], disc[i, 2]
    cuts, sharers = 0, 1
    for j in neighbours:
        dx, dy, other = disc[j, 0] - x, disc[j, 1] - y, disc[j, 2]
        distance = math.sqrt(dx * dx + dy * dy)
        inside, around = distance + radius <= other, distance + other <= radius
        if inside and around:
            sharers += 1
        elif inside:
            return -1, 1
        elif not around and distance < radius + other:
            reach = 0.5 * (distance + (radius - other) * (radius + other) / distance) / radius
            reach = min(max(reach, -1.0), 1.0)
            cut[cuts, 0], cut[cuts, 1] = dx / distance, dy / distance
            cut[cuts, 2], cut[cuts, 3] = reach, math.sqrt((1.0 - reach) * (1.0 + reach))
            cuts += 1
    return cuts, sharers


@kernel
def _hidden_angle(cut, arc):
    """Return the angle covered by the arcs of the unit circle beyond the cuts."""
    arcs = 0
    for j in range(cut.shape[0]):
        half = math.acos(cut[j, 2])
        begin = math.atan2(cut[j, 1], cut[j, 0]) - half
        if begin < 0.0:
            begin += 2.0 * math.pi
        place = arcs
        while place > 0 and arc[place - 1, 0] > begin:
            arc[place] = arc[place - 1]
            place -= 1
        arc[place, 0], arc[place, 1] = begin, begin + 2.0 * half
        arcs += 1
    # An arc that runs past the full turn also covers the beginning, up to where the farthest such arc ends.
    covered_to = 0.0
    for j in range(arcs):
        covered_to = max(covered_to, arc[j, 1] - 2.0 * math.pi)
    hidden = min(covered_to, 2.0 * math.pi)
    for j in range(arcs):
        end = min(arc[j, 1], 2.0 * math.pi)
        hidden += max(end - max(arc[j, 0], covered_to), 0.0)
        covered_to = max(covered_to, end)
    return hidden


@kernel
def _area_under_cuts(cut):
    """Return half the sum, over the cuts of the unit disc, of a_j times the length that bounds the own region."""
    area = 0.0
    for j in range(cut.shape[0]):
        ux, uy, reach = cut[j, 0], cut[j, 1], cut[j, 2]
        low, high = -cut[j, 3], cut[j, 3]  # along the line, from its foot, counter-clockwise
        for k in range(cut.shape[0]):
            if k == j:
                continue
            cosine = ux * cut[k, 0] + uy * cut[k, 1]
            sine = ux * cut[k, 1] - uy * cut[k, 0]
            # The point at t lies before cut k where t · sine <= beyond.
            beyond = cut[k, 2] - reach * cosine
            if sine > _PARALLEL:
                high = min(high, beyond / sine)
            elif sine < -_PARALLEL:
                low = max(low, beyond / sine)
            elif cosine < 0.0:
                if beyond < 0.0:
                    high = low
            elif cut[k, 2] < reach or (cut[k, 2] == reach and k < j):  # of two equal cuts one bounds
                high = low
        area += 0.5 * reach * max(high - low, 0.0)
    return area
