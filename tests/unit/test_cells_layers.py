"""Concentration fields as Mesa property layers: one memory, seen from both sides."""

import mesa
import numpy as np
import pytest
from mesa.discrete_space import OrthogonalMooreGrid, PropertyLayer

from tumorabm.cells import attach_layers


@pytest.fixture
def fields():
    return {"oxygen": np.full((1, 3, 4), 0.05), "asparagine": np.arange(24.0).reshape(2, 3, 4)}


def test_layers_are_views_of_the_solvers_memory_in_two_and_three_dimensions(fields):
    model = mesa.Model(rng=1)
    layers = attach_layers(model, fields)
    assert model.layers is layers and list(layers) == ["oxygen", "asparagine"]
    assert all(isinstance(layer, PropertyLayer) and layer.name == name for name, layer in layers.items())
    assert layers["oxygen"].dimensions == layers["oxygen"].data.shape == (3, 4)
    assert layers["asparagine"].dimensions == layers["asparagine"].data.shape == (2, 3, 4)
    for name, layer in layers.items():
        assert np.shares_memory(layer.data, fields[name])
    fields["oxygen"][0, 2, 1] = 0.2
    assert layers["oxygen"].data[2, 1] == 0.2
    assert layers["oxygen"].select_cells(lambda data: data > 0.1) == [(2, 1)]
    assert layers["asparagine"].aggregate(np.sum) == fields["asparagine"].sum()


def assign_items(layer):
    layer.data[1, 2] = 7.0


def assign_data(layer):
    layer.data = np.where(layer.data == 6.0, 7.0, layer.data)


def set_cells(layer):
    layer.set_cells(7.0, condition=lambda value: value == 6.0)


def modify_cells(layer):
    layer.modify_cells(lambda value: value + 1.0, condition=lambda value: value == 6.0)


def modify_cells_by_ufunc(layer):
    layer.modify_cells(np.add, 1.0, condition=lambda value: value == 6.0)


def set_all_cells(layer):
    assign_items(layer)
    layer.set_cells(layer.data.copy())


@pytest.mark.parametrize(
    "write", [assign_items, assign_data, set_cells, modify_cells, modify_cells_by_ufunc, set_all_cells]
)
def test_every_way_of_writing_a_layer_ends_in_the_solvers_memory(write):
    memory = np.arange(12.0).reshape(1, 3, 4)
    expected = memory.copy()
    expected[0, 1, 2] = 7.0
    layer = attach_layers(mesa.Model(rng=1), {"oxygen": memory})["oxygen"]
    write(layer)
    assert memory.tolist() == expected.tolist()
    assert np.shares_memory(layer.data, memory)


def test_a_layer_can_join_a_mesa_grid_of_the_same_shape(fields):
    grid = OrthogonalMooreGrid((3, 4), random=mesa.Model(rng=1).random)
    layer = attach_layers(mesa.Model(rng=1), fields)["oxygen"]
    grid.add_property_layer(layer)
    grid[(2, 1)].oxygen = 0.3
    assert fields["oxygen"][0, 2, 1] == 0.3


@pytest.mark.parametrize(
    "field", [np.zeros((3, 4)), np.zeros((1, 3, 4), dtype=np.float32), np.zeros((2, 3, 4)).transpose(0, 2, 1)]
)
def test_memory_that_is_no_field_is_refused(field):
    with pytest.raises(ValueError, match=r"field 'oxygen': expected C-contiguous float64 of shape \(nz, ny, nx\)"):
        attach_layers(mesa.Model(rng=1), {"oxygen": field})
