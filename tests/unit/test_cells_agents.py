"""A cell seen as a Mesa agent: attributes are columns, unknown names are refused, the removed say so."""

import mesa
import numpy as np
import pytest

from tumorabm.cells import Block, ColumnModel, Population, RemovedCellError, TumorCell

BLOCKS = (Block("position", ("x_um", "y_um", "z_um"), np.float64), Block("phase", ("phase",), np.int8))


@pytest.fixture
def model():
    model = ColumnModel(rng=1)
    Population(model, BLOCKS).append(3, position=np.arange(9.0).reshape(3, 3), phase=[0, 1, 2])
    return model


def test_a_view_reads_and_writes_the_columns_as_python_scalars(model):
    cell = model.population.view(1)
    assert isinstance(cell, mesa.Agent)
    assert type(cell.x_um) is float and cell.x_um == 3.0
    assert type(cell.phase) is int and cell.phase == 1
    cell.phase = 4
    assert model.population.data["phase"].tolist() == [0, 4, 2]
    model.population.data["x_um"][1] = -7.0
    assert cell.x_um == -7.0
    assert (cell.unique_id, cell.uid, cell.parent_uid) == (2, 2, 0)
    assert cell.model is model and cell.random is model.random and cell.rng is model.rng
    assert cell.step() is None
    assert {"x_um", "phase", "uid", "remove"} <= set(dir(cell))


def test_the_position_is_a_copy_that_is_assigned_as_a_whole(model):
    cell = model.population.view(2)
    cell.position += (1.0, 0.0, -1.0)
    assert model.population.block("position")[2].tolist() == [7.0, 7.0, 7.0]
    cell.position[0] = 99.0
    assert cell.x_um == 7.0
    with pytest.raises(ValueError, match=r"expected \(x, y, z\) in µm"):
        cell.position = (1.0, 2.0)
    flat = ColumnModel(rng=1)
    Population(flat, BLOCKS[1:]).append(1)
    with pytest.raises(AttributeError, match="no column 'position'"):
        _ = flat.population.view(0).position
    assert not hasattr(flat.population.view(0), "position")


def test_a_cell_has_one_view_that_survives_without_references_to_it(model):
    first = id(model.population.view(0))
    assert id(model.population.view(0)) == first
    assert model.population.view(0) is next(iter(model.agents))


@pytest.mark.parametrize("name", ["phas", "x", "some_new_attribute", "_private"])
def test_unknown_attributes_are_refused_when_read_and_when_written(model, name):
    cell = model.population.view(0)
    with pytest.raises(AttributeError, match=f"no (column|attribute) '{name}'"):
        getattr(cell, name)
    with pytest.raises(AttributeError, match=f"no (column|attribute) '{name}'"):
        setattr(cell, name, 1)
    with pytest.raises(AttributeError, match="the nearest name is 'phase'"):
        _ = cell.phas


def test_values_that_a_column_cannot_hold_and_identities_are_refused(model):
    cell = model.population.view(0)
    for value in (1.5, 300, "G1", None, [1, 2]):
        with pytest.raises(ValueError, match="phase: expected int8"):
            cell.phase = value
    with pytest.raises(ValueError, match="uid: assigned by the population"):
        cell.uid = 9
    with pytest.raises(AttributeError):
        cell.unique_id = 9
    with pytest.raises(AttributeError):
        cell.step = None
    assert model.population.data["phase"][0] == 0


def test_a_removed_cell_says_so_and_keeps_its_identity(model):
    cell = model.population.view(0)
    cell.remove()
    cell.remove()
    assert model.population.data["uid"].tolist() == [3, 2]
    assert not cell.in_population and cell.unique_id == 1 and cell.model is model
    assert repr(cell) == "TumorCell(uid=1, removed)"
    for touch in (lambda: cell.x_um, lambda: cell.position, lambda: cell.row, lambda: setattr(cell, "phase", 1)):
        with pytest.raises(RemovedCellError, match="cell 1 has left the population"):
            touch()


def test_cells_made_from_python_are_rows_like_any_other(model):
    cell = TumorCell(model, phase=5, position=(1.0, 2.0, 3.0))
    assert cell.row == 3 and cell.unique_id == 4 and model.population.view(3) is cell
    many = TumorCell.create_agents(model, 2, phase=[6, 7], x_um=4.0)
    assert [(agent.phase, agent.x_um, agent.y_um) for agent in many] == [(6, 4.0, 0.0), (7, 4.0, 0.0)]
    assert model.population.size == len(model.agents) == 6


def test_a_cell_needs_a_model_with_a_population():
    for model in (mesa.Model(rng=1), ColumnModel(rng=1)):
        with pytest.raises(ValueError, match="has no population"):
            TumorCell(model)
