"""Waiting for somebody else, but not for ever: calls with a time limit, in threads that can be left behind.

A call that takes too long is *abandoned*: its thread goes on until the call returns, if it ever does, and keeps one of
a fixed number of places meanwhile. When abandoned calls hold all of them nothing more is asked until one comes back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")
#: Calls at once. Waits cost a thread each and no CPU; 32 shall overlap, and as many again may hang before it is felt.
PLACES = 64

log = logging.getLogger(__name__)


class TooSlow(Exception):
    """No answer in time, or not asked because too many calls have not come back. Callers turn it into their error."""


@dataclass(slots=True)
class _Call:
    """One call: how it ended, and whether somebody still waits for it."""

    ended: threading.Event = field(default_factory=threading.Event)
    answers: list[object] = field(default_factory=list)
    error: BaseException | None = None
    abandoned: bool = False


class Waits(Generic[R]):
    """Runs ``function(argument)`` for at most ``seconds`` each. Safe to use from many threads."""

    def __init__(self, name: str, function: Callable[[bytes], R], *, seconds: float, places: int = PLACES) -> None:
        """``name`` stands in the log and in errors."""
        self._name = name
        self._function = function
        self._seconds = seconds
        self._places = places
        self._free = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._abandoned = 0

    @property
    def abandoned(self) -> int:
        """Calls that took too long and have not come back yet."""
        return self._abandoned

    def __call__(self, argument: bytes) -> R:
        """Return or raise what the function does. Raises TooSlow."""
        ends = time.monotonic() + self._seconds
        if self._abandoned >= self._places:
            raise TooSlow(f"{self._name} hangs: none of {self._places} calls has come back")
        if not self._free.acquire(timeout=self._seconds):
            raise TooSlow(f"{self._name} is busy: {self._places} calls are under way")
        call = _Call()
        # A daemon: a call that never returns must not keep the process from ending. An executor's threads would.
        threading.Thread(target=self._run, args=(call, argument), name=self._name, daemon=True).start()
        call.ended.wait(max(0.0, ends - time.monotonic()))
        with self._lock:
            if not call.ended.is_set():
                call.abandoned = True
                self._abandoned += 1
                if self._abandoned == self._places:
                    log.error("%s: all %d calls hang; none is made until one comes back.", self._name, self._places)
                raise TooSlow(f"{self._name} did not answer in {self._seconds:g} seconds")
        if call.error is not None:
            raise call.error
        return call.answers[0]  # type: ignore[return-value]  # what the function returned

    def _run(self, call: _Call, argument: bytes) -> None:
        try:
            call.answers.append(self._function(argument))
        except BaseException as error:  # whatever it is, it belongs to the one who waits
            call.error = error
        with self._lock:
            call.ended.set()
            self._abandoned -= call.abandoned
        self._free.release()
