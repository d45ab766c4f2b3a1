"""What the kernel says of processes: CPU time and memory of a process and everything it started. Linux."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> set[int]:
    """The process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return found


def children(pid: int) -> set[int]:
    """All that descend from the process, without it."""
    return family(pid) - {pid}


def cpu_seconds(pids: set[int]) -> float:
    """User and system time of the processes, and of what they started that has ended. Steps of 10 ms."""
    # Fields 14 to 17 of proc_pid_stat(5): utime, stime, cutime, cstime.
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / _TICKS


def resident_bytes(pid: int) -> int:
    """Resident set of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def proportional_bytes(pids: set[int]) -> int:
    """Memory of several processes; what they share counts once (PSS, proc_pid_smaps(5))."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the name, state first; None where the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
