"""Where bytes of strangers are read: processes that can be stopped.

    with Sandbox(workers=2, preload=["remarque.fingerprints:warm"]) as sandbox:
        prints = sandbox.run(fingerprint, data)

A decoder may crash, hang, or eat the machine's memory. Here it does so in a process that is limited in time and
memory, and is replaced afterwards. This contains accidents; it is no wall against code that a decoder was made to run,
which would still act as the same user.

A *nursery*, a process of one thread that was started afresh, imports what the workers need and forks one whenever it is
asked (see ``nursery``). So a new worker takes milliseconds, inherits no lock of any thread of the owner, and knows
neither the owner's main module nor its open files. When the owner ends, by whatever signal, so do the others.

POSIX; the limit of memory and the parent-death signal are Linux's.
"""

import contextlib
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any, Self, TypeVar

from remarque.errors import Busy, ReadingStopped

R = TypeVar("R")

#: Seconds that a call waits for an idle worker before it is told that all are busy.
PATIENCE = 10.0

#: Seconds that the nursery may take to import what is preloaded; the fingerprints take one to two, and longer where
#: they are compiled for the first time.
START_SECONDS = 120.0

#: Numerical libraries start threads when they are loaded; the nursery must have none, as it forks. And glibc gives the
#: pages of every picture back to the system, to take them anew for the next one: 7,000 page faults and 13 ms of a label
#: of 1024 x 1024, where a worker that keeps what it has used (64 MB at most) takes 0.5 ms (bench/labels.py).
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    connection: Connection


@dataclass(slots=True)
class _Slot:
    """A place in the pool; it has no worker while none could be started."""

    worker: _Worker | None = None


class Sandbox:
    """A pool of processes in which module-level functions are run. Safe to use from many threads."""

    def __init__(
        self,
        workers: int,
        *,
        seconds: float = 20.0,
        memory_bytes: int = 3 << 30,
        initializer: Callable[[], None] | None = None,
        preload: Sequence[str] = (),
        patience: float = PATIENCE,
    ) -> None:
        """Start the nursery and the workers; returns when they can be used.

        ``seconds``: how long one call may take. ``memory_bytes``: what one worker may hold (RLIMIT_DATA: its private
        writable memory; files mapped for reading do not count). ``initializer``: run once in each worker; if it fails,
        every call to that worker says so. ``preload``: modules that the nursery imports, or ``module:function`` to call
        one as well; they must not start threads. ``patience``: seconds that a call waits for an idle worker.
        Raises RuntimeError with the remote traceback if preloading fails.
        """
        if workers < 1:
            raise ValueError("a sandbox needs at least one worker")
        self.seconds = seconds
        self.patience = patience
        self._nursery = _Nursery((tuple(preload), initializer, memory_bytes))
        self._end = weakref.finalize(self, self._nursery.close)  # also when the interpreter exits
        self._idle: queue.LifoQueue[_Slot] = queue.LifoQueue()  # the last used has the warmest caches
        for _ in range(workers):
            self._idle.put(_Slot(self._nursery.fork()))

    def run(self, function: Callable[..., R], *args: Any, seconds: float | None = None) -> R:
        """Run ``function(*args)`` in an idle worker and return its value.

        ``function`` is imported there by its name; ``args`` and the value are pickled. A RemarqueError raised by it is
        raised here, same class, same message. Raises ReadingStopped if it takes longer than ``seconds`` (the sandbox's
        by default), runs out of memory or ends its process; Busy if no worker becomes idle in time or the sandbox is
        closed; RuntimeError with the remote traceback for any other exception, which is a bug.
        """
        if function.__module__ == "__main__":
            raise ValueError("a function of the main module cannot be imported by a worker; move it to another module")
        request = pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
        try:
            slot = self._idle.get(timeout=self.patience)
        except queue.Empty:
            raise Busy("Every reader is occupied; try again in a few seconds.") from None
        try:
            kind, value = self._ask(slot, request, self.seconds if seconds is None else seconds)
        finally:
            self._idle.put(slot)
        if kind == "value":
            return value  # type: ignore[no-any-return]  # what the function returned
        if kind == "error":
            raise _same_error(*value)
        raise RuntimeError(f"a sandboxed function failed\n\n{value}")

    def close(self) -> None:
        """End all processes. Calls that are under way, or come later, raise Busy."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, slot: _Slot, request: bytes, seconds: float) -> tuple[str, Any]:
        connection = self._send(slot, request)
        try:
            if not connection.poll(seconds):
                raise ReadingStopped(f"Reading took more than {seconds:g} seconds and was stopped.")
            kind, value = pickle.loads(connection.recv_bytes())  # noqa: S301 - our own process, forked from our own code
        except (EOFError, OSError):
            code = self._renew(slot)
            if code is None:  # it went with the nursery, or all are being closed: not this request's doing
                raise Busy("The readers are being restarted; try again in a few seconds.") from None
            raise ReadingStopped(f"Reading crashed the process that did it ({_told(code)}).") from None
        except BaseException:  # stopped, or interrupted: an answer that comes later must not meet the next question
            self._renew(slot)
            raise
        if kind == "memory":  # what is left of its memory is anyone's guess
            self._renew(slot)
            raise ReadingStopped("Reading took too much memory and was stopped.")
        return kind, value

    def _send(self, slot: _Slot, request: bytes) -> Connection:
        if slot.worker is not None:
            with contextlib.suppress(OSError):  # it ended while idle, which says nothing about this request
                slot.worker.connection.send_bytes(request)
                return slot.worker.connection
        self._renew(slot)
        if slot.worker is None:
            raise Busy("No reader could be started; try again in a few seconds.")
        slot.worker.connection.send_bytes(request)
        return slot.worker.connection

    def _renew(self, slot: _Slot) -> int | None:
        """End the worker of that slot and start another; return the exit code of the old one, if it is known."""
        old, slot.worker = slot.worker, None
        code = None
        if old is not None:
            old.connection.close()
            code = self._nursery.bury(old.pid)
        with contextlib.suppress(OSError, EOFError):
            slot.worker = self._nursery.fork()
        return code


class _Nursery:
    """The owner's end of the nursery process; started again if it died."""

    def __init__(self, plan: tuple[tuple[str, ...], Callable[[], None] | None, int]) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            bootstrap = (
                f"import sys; sys.path[:] = {sys.path!r}; from remarque.nursery import main; main({theirs.fileno()})"
            )
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
                [sys.executable, "-c", bootstrap],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,
            )
        self._control = Connection(ours.detach())
        try:
            self._control.send(self._plan)
            failure = self._control.recv() if self._control.poll(START_SECONDS) else "it took too long to start"
        except (EOFError, OSError):
            failure = "it ended while starting"
        if failure is not None:
            self._stop()
            raise RuntimeError(f"the sandbox could not be started\n\n{failure}")

    def fork(self) -> _Worker:
        """Start a worker. Raises OSError or EOFError if that cannot be done now."""
        with self._lock:
            if self._closed:
                raise BrokenPipeError("the sandbox is closed")
            try:
                worker = self._forked()
            except (OSError, EOFError):  # the nursery died: somebody killed it, or the machine ran out of memory
                self._stop()
                self._start()
                worker = self._forked()
        if worker is None:
            raise BlockingIOError("no process could be forked")
        return worker

    def _forked(self) -> _Worker | None:
        ours, theirs = socket.socketpair()
        connection = Connection(ours.detach())
        with theirs:
            self._control.send("fork")
            send_handle(self._control, theirs.fileno(), self._process.pid)
        pid = self._control.recv()
        return None if pid is None else _Worker(pid, connection)

    def bury(self, pid: int) -> int | None:
        """End the worker ``pid``; return its exit code, negative for a signal, None if the nursery does not know it."""
        with self._lock:
            if self._closed:
                return None
            try:
                self._control.send(pid)
                code: int | None = self._control.recv()
            except (OSError, EOFError):  # the nursery died, and its workers with it
                return None
            return code

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._stop()

    def _stop(self) -> None:
        self._control.close()  # it ends, and its workers with it, when it reads the end of this
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _same_error(kind: type[BaseException], message: str, state: dict[str, Any]) -> BaseException:
    """The error as it was raised there. Made without __init__, whose arguments differ from class to class."""
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


def _told(code: int) -> str:
    if code < 0:
        return f"signal {-code}, {signal.strsignal(-code)}"
    return f"exit code {code}"
