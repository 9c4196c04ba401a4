"""What all tests have in common."""

from collections.abc import Iterator

import pytest

from tumorabm import threads


@pytest.fixture(scope="session", autouse=True)
def _small_tissues_are_shared_out_too() -> Iterator[None]:
    """Let threads share rows of which there are too few to be worth it, so that tests of small tissues see pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "FEWEST_ROWS_PER_PIECE", 256)
        yield
