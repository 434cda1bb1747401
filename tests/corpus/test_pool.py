import os
import signal

import psutil
import pytest

from scripts.cli import UserError
from scripts.corpus.pool import WAITING, ordered_map


def square(number):
    return number * number


def slow_when_even(number):
    """The even ones take longer, so that with two workers odd ones are done before them."""
    if number % 2 == 0:
        sum(range(3_000_000))
    return number


def refuse(number):
    if number == 3:
        raise UserError(f"number {number} is refused")
    return number


def die(number):
    if number == 2:
        os._exit(3)
    return number


def surroundings():
    return os.getpid(), signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def children():
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_calls_order(workers):
    assert list(ordered_map(slow_when_even, [(i,) for i in range(12)], workers=workers)) == list(range(12))


@pytest.mark.parametrize("workers", [1, 2])
def test_no_calls_give_no_results(workers):
    assert list(ordered_map(square, [], workers=workers)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_through_after_the_results_before_it(workers):
    results = ordered_map(refuse, [(i,) for i in range(9)], workers=workers)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError, match="number 3 is refused"):
        next(results)


def test_an_error_among_the_calls_comes_through():
    def calls():
        yield (1,)
        raise UserError("the file ends too soon")

    with pytest.raises(UserError, match="ends too soon"):
        list(ordered_map(square, calls(), workers=2))


def test_a_worker_that_dies_is_an_error_that_says_what_to_do():
    with pytest.raises(UserError, match=r"a worker process died.*run this again"):
        list(ordered_map(die, [(i,) for i in range(9)], workers=2))


@pytest.mark.parametrize("workers", [1, 2])
def test_calls_are_read_little_ahead_of_the_results(workers):
    taken = []

    def calls():
        for i in range(100):
            taken.append(i)
            yield (i,)

    results = ordered_map(square, calls(), workers=workers)
    assert next(results) == 0
    assert len(taken) <= WAITING * workers + 1
    results.close()


def test_one_worker_is_this_process():
    ((pid, _),) = ordered_map(surroundings, [()], workers=1)
    assert pid == os.getpid()


def test_other_workers_leave_ctrl_c_to_this_process():
    ((pid, ignores_interrupts),) = ordered_map(surroundings, [()], workers=2)
    assert pid != os.getpid()
    assert ignores_interrupts


def test_workers_end_with_the_last_result_an_error_or_when_no_more_is_wanted():
    assert len(list(ordered_map(square, [(i,) for i in range(9)], workers=2))) == 9
    with pytest.raises(UserError):
        list(ordered_map(refuse, [(i,) for i in range(9)], workers=2))
    results = ordered_map(square, ((i,) for i in range(1000)), workers=2)
    next(results)
    assert children()
    results.close()
    assert not children()
