"""All published facts (by hand, some three minutes; ``tumorabm validate`` prints the table)."""

import pytest

from tumorabm.validation.suite import FACTS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", FACTS)
def test_the_fact_holds(name: str) -> None:
    verdict = FACTS[name].ask()
    print(f"\n{name}: {verdict.readout}")
    assert verdict.holds, verdict.readout
