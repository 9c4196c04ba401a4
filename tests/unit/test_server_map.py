"""The map of the page."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

from tumorabm import TumorModel
from tumorabm.output import style
from tumorabm.scenario.load import scenario_from_dict
from tumorabm.server import map_picture
from tumorabm.server.map_picture import (
    COLOUR_BY,
    NO_CELLS,
    Look,
    _frame,
    _level_colours,
    _nearest,
    draw_map,
    pixel_shape,
    place_on_map,
    snapshot,
)
from tumorabm.server.raster import background, paint_discs

GROUPS = {
    "blast": {"type": "all_blast", "count": 20},
    "wall": {"type": "clock_cell", "count": 3, "clock": {"cycling": False}},
}


@pytest.fixture(scope="module")
def flat() -> TumorModel:
    domain = {"size_um": [400.0, 200.0]}
    return TumorModel(
        scenario_from_dict({"hours": 1.0, "domain": domain, "vessels": {"density_per_mm2": 50.0}, "cells": GROUPS})
    )


@pytest.fixture(scope="module")
def ball() -> TumorModel:
    domain = {"size_um": [200.0, 200.0, 200.0]}
    return TumorModel(
        scenario_from_dict({"hours": 1.0, "domain": domain, "vessels": {"density_per_mm3": 900.0}, "cells": GROUPS})
    )


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))


# -- raster ---------------------------------------------------------------------------------------------------------


def naive_discs(image, x_px, y_px, radius_px, colours):
    """Paint by asking of each pixel which disc covers it last."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            for x, y, radius, colour in zip(x_px, y_px, radius_px, colours, strict=True):
                covers = (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= radius**2
                if covers or (column <= x < column + 1 and row <= y < row + 1):
                    image[row, column] = colour


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 20), st.floats(0, 8)), max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_discs_cover_the_pixels_within_them_and_later_ones_lie_above(discs, seed):
    x, y, radius = (np.array(values, dtype=float) for values in (zip(*discs, strict=True) if discs else ([], [], [])))
    colours = np.random.default_rng(seed).integers(0, 256, len(discs), dtype=np.uint8)
    painted, expected = np.zeros((15, 20), np.uint8), np.zeros((15, 20), np.uint8)
    paint_discs(painted, x, y, radius, colours)
    naive_discs(expected, x, y, radius, colours)
    np.testing.assert_array_equal(painted, expected)


def test_a_field_is_shown_voxel_by_voxel_between_its_limits():
    image = background(np.array([[0.0, 1.0], [2.0, 9.0]]), 2.0, 256, (4, 6))
    np.testing.assert_array_equal(image, np.repeat([[0] * 3 + [127] * 3, [255] * 6], 2, axis=0))


def test_the_pixels_around_the_map_take_the_colours_of_the_palette_that_are_nearest():
    palette = np.array([[0, 0, 0], [200, 200, 200], [255, 0, 0]], np.uint8)
    image = np.array([[[0, 0, 0], [255, 255, 255]], [[180, 90, 90], [255, 10, 10]]], np.uint8)
    np.testing.assert_array_equal(_nearest(image, palette), [[0, 1], [2, 2]])


# -- picture --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour_by", [*COLOUR_BY, NO_CELLS])
def test_cells_can_be_coloured_by_each_of_the_choices(flat, colour_by):
    picture = draw_map(snapshot(flat, Look("primary", "oxygen", colour_by)))
    labels = [label for label, _ in picture.legend]
    assert Image.open(BytesIO(picture.png)).mode == "P", "of few colours, so that it is written fast"
    if colour_by == "type":
        assert labels == ["blast (20)", "wall (3)", "dead (0)"]
    elif colour_by == NO_CELLS:
        assert labels == []
    else:
        assert labels[-1] == "dead (0)"


@pytest.mark.parametrize("row", range(0, 23, 4))
def test_a_cell_is_drawn_where_a_click_on_it_points(flat, row):
    seen = snapshot(flat, Look("primary", "asparagine", "type"))
    image = pixels(draw_map(seen).png)
    height, width, _ = image.shape
    colours = style.colours(flat.cell_types)
    expected = [round(255 * part) for part in to_rgb(colours[flat.cell_types[seen.values[row]]])]
    shares = (np.argwhere((image == expected).all(axis=2)) + 0.5) / (height, width)
    places = [place_on_map(seen.size_um, x, y) for y, x in shares]
    away_um = [np.hypot(p[0] - seen.x_um[row], p[1] - seen.y_um[row]) for p in places if p is not None]
    assert min(away_um) < 1.0


def test_a_click_beside_the_map_points_nowhere():
    assert place_on_map((400.0, 200.0), 0.01, 0.5) is None
    assert place_on_map((400.0, 200.0), 0.5, 0.99) is None


def test_the_image_keeps_the_proportions_of_the_tissue():
    rows, columns = pixel_shape((400.0, 200.0))
    assert columns == 2 * rows


def test_a_slice_shows_the_cells_that_it_cuts(ball):
    position = ball.population.block("position_um")
    radius = ball.population.data["radius_um"]
    seen = snapshot(ball, Look("primary", "oxygen", "type", slice_share=0.25))
    assert seen.z_um == 50.0
    cut = np.abs(position[:, 2] - 50.0) < radius
    np.testing.assert_array_equal(seen.x_um, position[cut, 0])
    np.testing.assert_allclose(seen.radius_um**2, radius[cut] ** 2 - (position[cut, 2] - 50.0) ** 2)
    np.testing.assert_array_equal(seen.field, 1.0 * seen.field)
    assert seen.field.shape == ball.fields["oxygen"].concentration_mM.shape[1:]


def test_a_snapshot_stays_as_it_was_while_the_model_goes_on(flat):
    seen = snapshot(flat, Look("primary", "asparagine", "ATF4"))
    before = [np.array(part) for part in (seen.field, seen.x_um, seen.values)]
    for _ in range(5):
        flat.step()
    for part, was in zip((seen.field, seen.x_um, seen.values), before, strict=True):
        np.testing.assert_array_equal(part, was)


def test_cells_without_what_they_are_coloured_by_are_white(flat):
    seen = snapshot(flat, Look("primary", "oxygen", "ASNS"))
    with_value = np.isfinite(seen.values)
    assert not with_value.all(), "clock cells have no ASNS"
    colours, of_cells, _ = _level_colours(seen)
    assert (colours[of_cells[~with_value]] == 255).all()
    assert (colours[of_cells[with_value]] < 255).any(axis=1).all()


@pytest.mark.parametrize("brightest", [1.0, 50.0])
def test_a_scale_says_whether_some_cells_lie_beyond_it(flat, brightest, monkeypatch):
    bars = []

    def frame(size_um, drawn, palette):
        bars.append(drawn)
        return _frame(size_um, drawn, palette)

    monkeypatch.setattr(map_picture, "_frame", frame)
    seen = snapshot(flat, Look("primary", "oxygen", "ATF4"))
    values = np.ones(len(seen.values))
    values[0] = brightest
    draw_map(replace(seen, values=values))
    ((_, (_, _, is_beyond)),) = bars
    assert is_beyond == (brightest > 1.0)


def test_the_dead_are_grey_whatever_cells_are_coloured_by():
    model = TumorModel(
        scenario_from_dict(
            {"hours": 1.0, "domain": {"size_um": [200.0, 200.0]}, "vessels": {"density_per_mm2": 50.0}, "cells": GROUPS}
        )
    )
    model.population.data["phase"][:] = 4  # apoptotic
    for colour_by in COLOUR_BY:
        picture = draw_map(snapshot(model, Look("primary", "oxygen", colour_by)))
        assert picture.legend[-1] == ("dead (23)", style.DEAD_COLOUR)
        grey = [round(255 * part) for part in to_rgb(style.DEAD_COLOUR)]
        assert (pixels(picture.png) == grey).all(axis=2).sum() > 1000
