"""A tour of the service on pictures that it draws itself: ``python -m demo`` or ``make demo``."""
