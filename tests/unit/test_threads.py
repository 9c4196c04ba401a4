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
@pytest.mark.parametrize("n_rows", [0, 1, 1000])
def test_pieces_cover_all_rows_once(count, n_rows):
    pieces = Threads(count).over_rows(lambda start, stop: (start, stop), n_rows)
    assert [row for start, stop in pieces for row in range(start, stop)] == list(range(n_rows))


def test_a_task_may_share_out_work_of_its_own():
    threads, results = Threads(2), []

    def share() -> None:
        results.append(threads.run(partial(threads.run, [partial(pow, n, 2)] * 3) for n in range(4)))

    sharing = threading.Thread(target=share, daemon=True)
    sharing.start()
    sharing.join(20.0)
    assert results == [[[n**2] * 3 for n in range(4)]]


@pytest.mark.parametrize("fails_in", ["the caller", "a helper"])
@pytest.mark.parametrize("count", [2, 3])
def test_a_failure_is_raised_once_all_that_was_begun_is_over(fails_in, count):
    caller, all_work, failing, over = threading.get_ident(), threading.Barrier(count), [], []

    def task() -> None:
        all_work.wait(10.0)
        if (threading.get_ident() == caller) == (fails_in == "the caller"):
            failing.append(True)
            if len(failing) == 1:
                raise ValueError("no")
        time.sleep(0.1)
        over.append(True)

    def too_late() -> None:
        over.append(False)

    with pytest.raises(ValueError, match="no"):
        Threads(count).run([*[task] * count, *[too_late] * (fails_in == "the caller")])
    done = list(over)
    time.sleep(0.2)
    assert over == done == [True] * (count - 1)
