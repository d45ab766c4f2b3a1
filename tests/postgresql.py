"""Where PostgreSQL is looked for. ``python -m tests.postgresql`` exits 0 if it answers there, else 1."""

import os

import psycopg

#: The role must be allowed to create databases; each test makes one of its own and drops it again.
POSTGRESQL = os.environ.get("REMARQUE_TEST_POSTGRESQL", "postgresql://127.0.0.1:5432/postgres")


def answers() -> bool:
    """Whether it can be reached."""
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def address_of(name: str) -> str:
    """The URL of a database there, as the service takes it."""
    return f"{POSTGRESQL.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+psycopg://", 1)


def administer(statement: str) -> None:
    """Run one statement outside any transaction."""
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(statement.encode())


if __name__ == "__main__":
    raise SystemExit(0 if answers() else 1)
