"""The sandbox: what goes wrong inside stays inside, and nothing outlives its owner."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from remarque.errors import (
    Busy,
    MissingExtra,
    ReadingStopped,
    ServiceRefused,
    TooManyPixels,
    TooManyRequests,
    Undecodable,
)
from remarque.sandbox import Sandbox

# -- what is run inside


def double(value: int) -> int:
    return 2 * value


def size(data: bytes) -> int:
    return len(data)


def pid() -> int:
    return os.getpid()


def spin() -> None:
    while True:
        pass


def sleep_and_tell(seconds: float, value: int) -> int:
    time.sleep(seconds)
    return value


def segfault() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def say_goodbye() -> None:
    sys.exit(0)


def hoard(megabytes: int) -> int:
    return int(np.ones(megabytes * 1_000_000, np.uint8).sum())


def fail(error: BaseException) -> None:
    raise error


#: Some of them take arguments that are not their message, and could not be pickled as they are.
ERRORS = {
    "broken": Undecodable("broken"),
    "many pixels": TooManyPixels("many"),
    "slow down": TooManyRequests("slow", retry_after=7),
    "no extra": MissingExtra("filter", "It"),
    "refused": ServiceRefused("no", slug="too-plain", status=422, problem={"a": 1}),
}


def fail_with(name: str) -> None:
    raise ERRORS[name]


def unpicklable() -> object:
    return lambda: None


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrlimit(resource.RLIMIT_DATA)[0]


def chatter() -> None:
    os.write(2, b"nonsense of a hostile file\n")


def interrupt() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


prepared = []


def prepare() -> None:
    prepared.append(os.getpid())


def was_prepared() -> bool:
    return prepared == [os.getpid()]


def fail_to_prepare() -> None:
    raise RuntimeError("cannot prepare")


# -- the owner


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2, seconds=10, memory_bytes=1 << 30) as made:
        yield made


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(process: int, within: float = 5.0) -> bool:
    until = time.monotonic() + within
    while alive(process) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(process)


def test_it_returns_what_the_function_returns(sandbox: Sandbox) -> None:
    assert sandbox.run(double, 21) == 42
    assert sandbox.run(size, b"x" * 5_000_000) == 5_000_000
    assert sandbox.run(pid) != os.getpid()


@pytest.mark.parametrize("name", ERRORS)
def test_our_errors_come_out_as_they_went_in(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(type(ERRORS[name])) as caught:
        sandbox.run(fail_with, name)
    assert type(caught.value) is type(ERRORS[name])
    assert str(caught.value) == str(ERRORS[name])
    assert vars(caught.value) == vars(ERRORS[name])


def test_bugs_are_never_swallowed(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in fail.*KeyError: 'boo'"):
        sandbox.run(fail, KeyError("boo"))
    with pytest.raises(RuntimeError, match="SystemExit"):
        sandbox.run(say_goodbye)
    with pytest.raises(RuntimeError, match="pickle"):
        sandbox.run(unpicklable)
    assert sandbox.run(double, 1) == 2


def test_a_hang_is_stopped_and_its_worker_replaced(sandbox: Sandbox) -> None:
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(ReadingStopped, match=r"more than 0\.3 seconds"):
            sandbox.run(spin, seconds=0.3)
        assert time.monotonic() - started < 2
        assert sandbox.run(double, 4) == 8


def test_a_late_answer_is_not_taken_for_the_next(sandbox: Sandbox) -> None:
    with pytest.raises(ReadingStopped):
        sandbox.run(sleep_and_tell, 0.3, 1, seconds=0.2)
    time.sleep(0.3)
    assert [sandbox.run(sleep_and_tell, 0, value) for value in (2, 3, 4)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("function", "args", "told"),
    [(segfault, (), "Segmentation fault"), (leave, (3,), "exit code 3"), (leave, (0,), "exit code 0")],
)
def test_a_crash_is_told_and_its_worker_replaced(sandbox: Sandbox, function, args, told) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ReadingStopped, match=told):
        sandbox.run(function, *args)
    assert sandbox.run(double, 4) == 8


def test_memory_is_limited(sandbox: Sandbox) -> None:
    assert sandbox.run(hoard, 300) == 300_000_000
    before = {sandbox.run(pid) for _ in range(4)}
    with pytest.raises(ReadingStopped, match="too much memory"):
        sandbox.run(hoard, 2000)
    assert not {sandbox.run(pid) for _ in range(4)} <= before
    assert sandbox.run(limits) == (0, 1 << 30)


def test_a_worker_that_died_idle_costs_nobody_a_request(sandbox: Sandbox) -> None:
    for _ in range(3):
        victim = sandbox.run(pid)
        os.kill(victim, signal.SIGKILL)
        assert gone(victim)
        assert sandbox.run(double, 5) == 10


def test_the_nursery_comes_back(sandbox: Sandbox) -> None:
    others = [sandbox._nursery._process.pid, *{sandbox.run(pid) for _ in range(4)}]
    os.kill(others[0], signal.SIGKILL)
    assert all(gone(other) for other in others)
    assert [sandbox.run(double, value) for value in (1, 2, 3)] == [2, 4, 6]


def test_ctrl_c_is_the_owner_s(sandbox: Sandbox) -> None:
    assert sandbox.run(interrupt) == "still here"


def test_workers_do_not_write_into_the_owner_s_log(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox(1) as own:
        own.run(chatter)
    assert capfd.readouterr().err == ""


def test_a_function_of_the_main_module_is_refused(sandbox: Sandbox) -> None:
    def function() -> None: ...

    function.__module__ = "__main__"
    with pytest.raises(ValueError, match="main module"):
        sandbox.run(function)


def test_the_initializer_runs_in_every_worker() -> None:
    with Sandbox(2, initializer=prepare) as own:
        assert own.run(was_prepared)
        with pytest.raises(ReadingStopped):
            own.run(leave, 1)
        assert own.run(was_prepared)
    with Sandbox(1, initializer=fail_to_prepare) as own, pytest.raises(RuntimeError, match="cannot prepare"):
        own.run(double, 1)


def test_what_is_preloaded_is_there_and_what_cannot_be_is_told() -> None:
    with Sandbox(1, preload=["colorsys", f"{__name__}:prepare"]) as own:
        assert own.run(double, 2) == 4
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        Sandbox(1, preload=["no_such_module"])
    with pytest.raises(ValueError, match="at least one"):
        Sandbox(0)


def test_many_threads_share_few_workers(sandbox: Sandbox) -> None:
    answers: dict[int, int] = {}

    def ask(first: int) -> None:
        for value in range(first, first + 40):
            answers[value] = sandbox.run(double, value)

    threads = [threading.Thread(target=ask, args=(40 * k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {value: 2 * value for value in range(320)}


def test_when_all_are_busy_callers_are_told_in_time() -> None:
    with Sandbox(1, patience=0.2) as own:
        hog = threading.Thread(target=own.run, args=(sleep_and_tell, 1.0, 1))
        hog.start()
        time.sleep(0.2)
        started = time.monotonic()
        with pytest.raises(Busy):
            own.run(double, 1)
        assert 0.1 < time.monotonic() - started < 0.8
        hog.join()
        assert own.run(double, 1) == 2


def test_closing_ends_everything_at_once() -> None:
    own = Sandbox(2)
    processes = [own._nursery._process.pid, own.run(pid)]
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            own.run(spin)
        except Busy as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    started = time.monotonic()
    own.close()
    waiting.join()
    assert time.monotonic() - started < 3
    assert len(outcome) == 1
    assert all(gone(process) for process in processes)
    with pytest.raises(Busy):
        own.run(double, 1)
    own.close()


OWNER = """
import os, sys, threading, time
from remarque.sandbox import Sandbox
sandbox = Sandbox(2)
print(sandbox._nursery._process.pid, sandbox.run(os.getpid), flush=True)
threading.Thread(target=lambda: sandbox.run(time.sleep, 60), daemon=True).start()
time.sleep(0.1)
"""


def owner(then: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OWNER + then],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, [int(number) for number in process.stdout.readline().split()]


def test_an_owner_that_just_ends_leaves_nothing_behind() -> None:
    process, others = owner("")
    _, complaints = process.communicate(timeout=10)
    assert process.returncode == 0
    assert complaints == ""
    assert all(gone(other) for other in others)


def test_an_owner_that_is_killed_takes_all_with_it() -> None:
    process, others = owner("time.sleep(60)")
    process.kill()
    process.communicate()
    assert all(gone(other) for other in others)


def test_a_killed_nursery_takes_its_workers_with_it() -> None:
    process, others = owner("time.sleep(60)")
    os.kill(others[0], signal.SIGKILL)
    assert gone(others[1])
    process.kill()
    process.communicate()
