"""The processes of a sandbox, seen from inside: the nursery, and the workers that it forks. See ``sandbox``."""

import contextlib
import ctypes
import gc
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any

from remarque.errors import RemarqueError

#: linux/prctl.h
_PR_SET_PDEATHSIG = 1


def main(control_fd: int) -> None:
    """Be the nursery: preload, then fork a worker or end one whenever the owner says so, until the owner is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner, who ends us
    control = Connection(control_fd)
    children: set[int] = set()
    try:
        preload, initializer, memory_bytes = control.recv()
        failure = _preloaded(preload)
        control.send(failure)
        gc.freeze()  # so that a worker's collector does not write to, and thereby copy, what all share
        while failure is None:
            command = control.recv()
            if command == "fork":
                worker_fd = recv_handle(control)
                pid = _fork(control, worker_fd, initializer, memory_bytes)
                os.close(worker_fd)
                if pid is not None:
                    children.add(pid)
                control.send(pid)
            else:
                control.send(_bury(command, children))
    except (EOFError, OSError):
        return  # the owner is gone
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def _preloaded(names: tuple[str, ...]) -> str | None:
    """Import each module, call each ``module:function``; return the traceback of what fails."""
    try:
        for name in names:
            module, _, function = name.partition(":")
            imported = import_module(module)
            if function:
                getattr(imported, function)()
    except Exception:
        return traceback.format_exc()
    return None


def _bury(pid: int, children: set[int]) -> int | None:
    if pid not in children:  # a number that may by now be anybody's
        return None
    children.remove(pid)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(control: Connection, worker_fd: int, initializer: Callable[[], None] | None, memory_bytes: int) -> int | None:
    nursery = os.getpid()
    try:
        pid = os.fork()
    except OSError:  # no more processes, or no memory for one: the owner says so to its caller
        return None
    if pid:
        return pid
    try:
        control.close()
        _limit(nursery, memory_bytes)
        _hush()
        _work(Connection(worker_fd), initializer)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # only the nursery returns from here


def _limit(nursery: int, memory_bytes: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nursery:  # it died before we asked to die with it
            os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def _hush() -> None:
    """Drop what is written to stderr from here on: libtiff fills it with whatever a hostile file makes it say.

    Our own tracebacks travel to the owner with the answer.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _work(connection: Connection, initializer: Callable[[], None] | None) -> None:
    failure = None
    if initializer is not None:
        try:
            initializer()
        except Exception:
            failure = traceback.format_exc()
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)  # the owner is gone, or has no use for us
        try:
            reply = pickle.dumps(("bug", failure) if failure else _outcome(request), pickle.HIGHEST_PROTOCOL)
        except MemoryError:
            reply = pickle.dumps(("memory", None))
        except Exception:  # the value, or the error, cannot be pickled
            reply = pickle.dumps(("bug", traceback.format_exc()))
        del request
        with contextlib.suppress(OSError):  # the owner closed while we worked; the next read says so
            connection.send_bytes(reply)


def _outcome(request: bytes) -> tuple[str, Any]:
    try:
        function, args = pickle.loads(request)  # noqa: S301 - from our own owner
        return "value", function(*args)
    except RemarqueError as error:
        return "error", (type(error), str(error), error.__dict__)
    except MemoryError:
        return "memory", None
    except BaseException:  # SystemExit too: a function that ends the process is a bug like another
        return "bug", traceback.format_exc()
