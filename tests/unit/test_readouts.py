"""Readouts in words and with units, those of sweeps too."""

import pytest

from tumorabm.output.readouts import readout_in_words, readout_unit


@pytest.mark.parametrize(
    ("readout", "words", "unit"),
    [
        ("live_blast", "live cells: blast", "cells"),
        ("live_blast_min", "live cells: blast, min", "cells"),
        ("plasma_asparagine_uM_at_72_h", "plasma asparagine, at 72 h", "µM"),
        ("asns_mean_blast_max", "asns, mean over blast, max", "relative"),
        ("hypoxic_fraction_mean", "hypoxic fraction, mean", "fraction of live cells"),
        ("lung_disseminated_cells_at_1.5_h", "lung disseminated cells, at 1.5 h", "cells"),
    ],
)
def test_one_number_of_a_column_has_the_unit_of_the_column(readout: str, words: str, unit: str) -> None:
    assert (readout_in_words(readout), readout_unit(readout)) == (words, unit)
