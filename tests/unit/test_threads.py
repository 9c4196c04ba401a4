"""Work that is shared among threads: every task once, results in order, and nothing goes on after a failure."""

import threading
import time
from functools import partial

import pytest

from tumorabm.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_stand_in_the_order_of_the_tasks(count):
    assert Threads(count).run(partial(pow, n, 2) for n in range(40)) == [n**2 for n in range(40)]


@pytest.mark.parametrize("count", [1, 3])
def test_pieces_cover_all_rows_once(count):
    pieces = Threads(count).over_rows(lambda start, stop: (start, stop), 1000)
    assert [row for start, stop in pieces for row in range(start, stop)] == list(range(1000))


def test_a_task_may_share_out_work_of_its_own():
    threads = Threads(2)
    assert threads.run(partial(threads.run, [partial(pow, n, 2)] * 3) for n in range(4)) == [
        [n**2] * 3 for n in range(4)
    ]


@pytest.mark.parametrize("fails_in", ["the caller", "a helper"])
def test_a_failure_is_raised_once_all_that_was_begun_is_over(fails_in):
    caller, both_work, over = threading.get_ident(), threading.Barrier(2), []

    def task() -> None:
        both_work.wait(10.0)
        if (threading.get_ident() == caller) == (fails_in == "the caller"):
            raise ValueError("no")
        time.sleep(0.05)
        over.append(True)

    with pytest.raises(ValueError, match="no"):
        Threads(2).run([task, task])
    assert over == [True]
