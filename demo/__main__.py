"""Start a service, walk the steps against it, end it. Exit code 1 where a step does not hold."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from demo.service import ServiceDidNotStart, running_service
from demo.steps import DoesNotHold, Tour
from remarque.errors import RemarqueError


def main() -> int:
    """Walk the tour. Returns 0 if everything that was shown is so, else 1."""
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)  # so that the service ends with the tour
    console.print("[dim]Starting a service of its own …[/]")
    try:
        with running_service() as service:
            console.print(f"[dim]It listens at {service.url}, with a data directory that goes with it.[/]")
            return _walk(Tour(service.url, service.operator_key, console))
    except ServiceDidNotStart as error:
        console.print(str(error), style="red", markup=False)
        return 1


def _walk(tour: Tour) -> int:
    try:
        for number, step in enumerate(tour.steps, 1):
            title = f"{number}. {step.__doc__}"
            tour.console.print(f"\n[bold]{title}[/]")
            try:
                step()
            except (DoesNotHold, RemarqueError) as error:
                tour.console.print(f"\n[bold red]Step {title}: does not hold.[/] {escape(str(error))}")
                return 1
    finally:
        tour.close()
    tour.console.print(f"\n[bold green]All {len(tour.steps)} steps hold.[/]")
    return 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
