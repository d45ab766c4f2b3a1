"""Schemathesis against a service of our own: no 5xx, no undocumented status, no undocumented shape.

python -m bench.fuzz [--max-examples N] [--database-url URL]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from demo.service import running_service

#: What is checked. Left out: checks that demand what the contract does not, such as 4xx for every mutated header.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance"
CHECKS += ",response_schema_conformance,unsupported_method,ignored_auth,negative_data_rejection"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--max-examples", type=int, default=50, help="for each operation")
    parser.add_argument("--seed", type=int, help="for the same requests each time")
    parser.add_argument("--database-url", help="PostgreSQL instead of SQLite")
    arguments = parser.parse_args()
    settings = {"REMARQUE_PARTY_RATE": "1000000/hour", "REMARQUE_ANONYMOUS_RATE": "1000000/hour"}
    if arguments.database_url:
        settings["REMARQUE_DATABASE_URL"] = arguments.database_url
    with running_service(settings) as running:
        program = str(Path(sys.executable).parent / "schemathesis")
        command = [
            program,
            "--config-file",
            str(Path(__file__).parent / "schemathesis.toml"),
            "run",
            f"{running.url}/openapi.json",
        ]
        command += ["--checks", CHECKS, "--max-examples", str(arguments.max_examples), "--workers", "1", "--no-color"]
        command += ["--header", f"Authorization: Bearer {running.operator_key}"]
        command += [] if arguments.seed is None else ["--seed", str(arguments.seed)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
