"""The population's columns against a plain list of dictionaries, under any order of births, removals and sorting."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tumorabm.cells import Block, ColumnModel, Population, RemovedCellError, TumorCell

BLOCKS = (
    Block("position", ("x_um", "y_um", "z_um"), np.float64),
    Block("phase", ("phase",), np.int8),
    Block("state", ("asparagine_amol", "atf4"), np.float32),
)
COLUMNS = ("x_um", "y_um", "z_um", "phase", "asparagine_amol", "atf4")
IDENTITY = ("uid", "parent_uid", "founder_uid")


@pytest.fixture
def population():
    return Population(ColumnModel(rng=1), BLOCKS)


class NaivePopulation:
    """Cells as dictionaries in a list; the same rules, one cell at a time."""

    def __init__(self):
        self.cells = []
        self.next_uid = 1

    def born(self, values, parent):
        uid = self.next_uid
        lineage = {"uid": uid, "parent_uid": parent["uid"], "founder_uid": parent["founder_uid"] or uid}
        self.cells.append({**values, **lineage})
        self.next_uid += 1

    def append(self, phases):
        for phase in phases:
            values = {**dict.fromkeys(COLUMNS, 0.0), "phase": phase, "x_um": 10.0 * phase}
            self.born(values, parent={"uid": 0, "founder_uid": 0})

    def divide(self, rows):
        for row in rows:
            parent = self.cells[row]
            self.born({name: parent[name] for name in COLUMNS}, parent)

    def bury(self, rows):
        kept = len(self.cells) - len(rows)
        survivors_of_tail = [cell for row, cell in enumerate(self.cells) if row >= kept and row not in rows]
        head = self.cells[:kept]
        self.cells = [survivors_of_tail.pop(0) if row in rows else cell for row, cell in enumerate(head)]

    def reorder(self, order):
        self.cells = [self.cells[row] for row in order]


class BirthsRemovalsAndViews(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.model = ColumnModel(rng=1)
        self.population = Population(self.model, BLOCKS)
        self.naive = NaivePopulation()
        self.views = {}

    def some_rows(self, data, min_size=0):
        rows = st.integers(0, max(self.population.size - 1, 0))
        return data.draw(st.lists(rows, unique=True, min_size=min_size, max_size=min(self.population.size, 60)))

    @rule(phases=st.lists(st.integers(0, 5), max_size=90))
    def cells_are_seeded(self, phases):
        self.population.append(len(phases), phase=phases, x_um=10.0 * np.array(phases))
        self.naive.append(phases)

    @rule(data=st.data())
    def cells_divide(self, data):
        rows = self.some_rows(data)
        daughters = self.population.divide(rows)
        assert daughters.stop - daughters.start == len(rows)
        self.naive.divide(rows)

    @rule(data=st.data())
    def cells_are_buried(self, data):
        rows = self.some_rows(data)
        self.population.bury(rows)
        self.naive.bury(rows)

    @rule(data=st.data())
    def cells_are_sorted(self, data):
        order = data.draw(st.permutations(range(self.population.size)))
        self.population.reorder(order)
        self.naive.reorder(order)

    @rule(data=st.data())
    def views_are_touched_and_written(self, data):
        for row in self.some_rows(data):
            view = self.population.view(row)
            assert self.views.setdefault(view.unique_id, view) is view
            view.atf4 = self.naive.cells[row]["atf4"] = float(row)

    @rule(data=st.data())
    def a_cell_is_removed_through_its_view(self, data):
        for row in self.some_rows(data)[:1]:
            self.population.view(row).remove()
            self.naive.bury([row])

    @rule()
    def a_cell_is_made_from_python(self):
        view = TumorCell(self.model, phase=3, position=(30.0, 0.0, 0.0))
        self.views[view.unique_id] = view
        self.naive.append([3])

    @invariant()
    def columns_are_those_of_the_naive_list(self):
        assert self.population.size == len(self.naive.cells)
        for name in (*COLUMNS, *IDENTITY):
            assert self.population.data[name].tolist() == [cell[name] for cell in self.naive.cells]

    @invariant()
    def every_view_shows_its_own_cell_or_says_that_it_is_gone(self):
        alive = {cell["uid"]: cell for cell in self.naive.cells}
        for uid, view in self.views.items():
            assert view.in_population == (uid in alive)
            if view.in_population:
                assert {name: getattr(view, name) for name in alive[uid]} == alive[uid]
                assert self.population.view(view.row) is view
            else:
                with pytest.raises(RemovedCellError, match=f"cell {uid} has left"):
                    _ = view.phase


BirthsRemovalsAndViews.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestBirthsRemovalsAndViews = BirthsRemovalsAndViews.TestCase


def test_a_wide_block_is_one_contiguous_array_and_its_columns_are_views_of_it(population):
    population.append(3, position=np.arange(9.0).reshape(3, 3))
    block = population.block("position")
    assert block.shape == (3, 3) and block.flags.c_contiguous
    assert population.block("phase").shape == (3,)
    assert population.data["y_um"].tolist() == [1.0, 4.0, 7.0]
    population.data["y_um"][1] = -1.0
    assert block[1].tolist() == [3.0, -1.0, 5.0]
    assert list(population.data) == [*IDENTITY, *COLUMNS]


def test_capacity_doubles_and_memory_is_that_of_the_rows_it_holds(population):
    row_bytes = len(IDENTITY) * 8 + 3 * 8 + 1 + 2 * 4
    assert population.nbytes == population.capacity * row_bytes
    before = population.capacity
    population.append(before, phase=4)
    assert population.capacity == before
    population.append(1)
    assert population.capacity == 2 * before
    assert population.nbytes == 2 * before * row_bytes
    assert population.data["phase"].tolist() == [4] * before + [0]


def test_rows_of_the_dead_are_clean_when_cells_are_born_into_them(population):
    population.append(4, phase=5, asparagine_amol=7.0)
    population.bury([2, 3])
    new = population.append(2)
    assert population.data["phase"][new].tolist() == [0, 0]
    assert population.data["asparagine_amol"][new].tolist() == [0.0, 0.0]
    assert population.data["uid"].tolist() == [1, 2, 5, 6]


def test_bulk_work_makes_no_python_object_for_a_cell(population):
    population.append(50)
    population.divide(np.arange(50))
    population.reorder(np.arange(100)[::-1])
    population.bury(np.arange(0, 100, 2))
    assert population.size == 50
    assert len(population._views) == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"phas": 1}, "no column 'phas'; the nearest name is 'phase'"),
        ({"phase": 1.5}, "phase: expected int8"),
        ({"phase": 300}, "phase: expected int8"),
        ({"phase": "G1"}, "phase: expected int8"),
        ({"phase": [1, 2, 3]}, "phase: expected int8 that fits shape"),
        ({"position": np.zeros((2, 2))}, "position: expected float64 that fits shape"),
        ({"uid": 7}, "uid: assigned by the population"),
    ],
)
def test_a_birth_with_bad_values_is_refused_and_changes_nothing(population, values, message):
    population.append(1, phase=2)
    with pytest.raises(ValueError, match=message):
        population.append(2, **values)
    assert population.size == 1
    assert population.model.agent_id_counter == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.append(-1), "expected a number of cells"),
        (lambda p: p.bury([0, 3]), "expected rows from 0 to 2, got 0 to 3"),
        (lambda p: p.bury([-1]), "expected rows from 0 to 2"),
        (lambda p: p.bury([1, 1]), "named twice"),
        (lambda p: p.bury(np.array([True, False, False])), "expected a 1-D array of integer rows, got bool"),
        (lambda p: p.divide(1), "expected a 1-D array of integer rows"),
        (lambda p: p.divide([0.0]), "expected a 1-D array of integer rows, got float64"),
        (lambda p: p.reorder([0, 1]), "expected a permutation of the 3 rows"),
        (lambda p: p.reorder([0, 1, 1]), "expected a permutation of the 3 rows"),
        (lambda p: p.view(3), "row 3 is outside 0 to 2"),
        (lambda p: p.block("positions"), "no block 'positions'; expected one of uid, parent_uid, founder_uid"),
        (lambda p: p.fill("phase", [1, 2, 3]), "expected one value for all cells"),
        (lambda p: Population(p.model, BLOCKS), "has a population already"),
    ],
)
def test_bad_rows_and_names_are_refused_with_what_was_expected(population, call, message):
    population.append(3)
    with pytest.raises(ValueError, match=message):
        call(population)
    assert population.data["uid"].tolist() == [1, 2, 3]


def test_an_unknown_column_is_a_missing_key_with_the_nearest_name(population):
    assert "asparagine" not in population.data
    with pytest.raises(KeyError, match="the nearest name is 'asparagine_amol'"):
        population.data["asparagine"]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([Block("a", ("x", "x"), float)], "'x' is used twice"),
        ([Block("a", ("x",), float), Block("b", ("x",), float)], "'x' is used twice"),
        ([Block("x", ("x", "y"), float)], "'x' is used twice"),
        ([Block("uid", ("uid",), int)], "'uid' is used twice"),
        ([Block("a", (), float)], "at least one column"),
        ([Block("a", ("model",), float)], "'model' is an attribute of every agent"),
        ([Block("a", ("pos",), float)], "'pos' is an attribute of every agent"),
        ([Block("a", ("_x",), float)], "expected an identifier"),
        ([Block("a b", ("x",), float)], "expected an identifier"),
    ],
)
def test_ambiguous_or_reserved_names_are_refused(blocks, message):
    with pytest.raises(ValueError, match=message):
        Population(ColumnModel(rng=1), blocks)
