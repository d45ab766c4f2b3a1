"""``python -m remarque.cli`` is the same command."""

from remarque.cli import main

main()
