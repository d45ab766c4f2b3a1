"""The shipped vectors: they are what the script makes, and three verifiers judge them as they should."""

import base64
import json
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from remarque.log.keys import PinnedKeys
from remarque.log.selftest import KINDS, Case, cases, selftest, wrong
from tests import slow_log
from tests.make_log_vectors import FOLDER, files

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
RECEIPTS = [(kind, case) for kind in ("receipts", "checks") for case in cases(kind)]


def test_the_shipped_files_are_what_the_script_makes():
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == files()
    assert {path.stem for path in FOLDER.iterdir()} == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_is_judged_as_it_should_be(kind: str):
    judged = {case["name"]: wrong(kind, case) for case in cases(kind)}
    assert {name: problem for name, problem in judged.items() if problem} == {}
    assert {case["valid"] for case in cases(kind)} == {True, False}


def test_the_selftest_notices_a_wrong_verdict(monkeypatch: pytest.MonkeyPatch):
    assert selftest() == []
    monkeypatch.setitem(KINDS, "receipts", lambda case: True)  # type: ignore[misc]  # a verifier that accepts all
    assert "receipts/wrong-entry: accepted" in selftest()
    monkeypatch.setitem(KINDS, "receipts", lambda case: False)  # type: ignore[misc]
    assert "receipts/happy: read as something else" in selftest()


@pytest.mark.parametrize("case", cases("inclusion"), ids=lambda case: case["name"])
def test_the_rfc_judges_inclusion_alike(case: Case):
    leaf, root, *proof = map(bytes.fromhex, (case["leaf"], case["root"], *case["proof"]))
    assert slow_log.holds_inclusion(leaf, case["index"], case["size"], proof, root) == case["valid"]


@pytest.mark.parametrize("case", cases("consistency"), ids=lambda case: case["name"])
def test_the_rfc_judges_consistency_alike(case: Case):
    old, new, *proof = map(bytes.fromhex, (case["old_root"], case["new_root"], *case["proof"]))
    assert slow_log.holds_consistency(case["old_size"], old, case["new_size"], new, proof) == case["valid"]


Verifier = Callable[..., None]


@pytest.fixture(scope="module")
def standalone() -> Verifier:
    """The verifier in one file, loaded as it is."""
    spec = spec_from_file_location("verify_receipt", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    before = set(sys.modules)
    spec.loader.exec_module(module)
    assert not {name for name in set(sys.modules) - before if name.startswith("remarque")}
    return module.main


@pytest.mark.parametrize(
    ("kind", "case"), RECEIPTS, ids=lambda value: value if isinstance(value, str) else value["name"]
)
def test_the_verifier_in_one_file_judges_alike(
    kind: str, case: Case, standalone: Verifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    receipt, keys = tmp_path / "receipt", tmp_path / "keys.json"
    receipt.write_bytes(base64.b64decode(case["file"]))
    keys.write_text(json.dumps(case["keys"]))
    if case["valid"]:
        standalone(receipt, keys, str(case["quorum"]))
        assert capsys.readouterr().out.startswith("verifies: ")
        return
    with pytest.raises(SystemExit) as ended:
        standalone(receipt, keys, str(case["quorum"]))
    assert str(ended.value.code).startswith("does not verify: ")
    assert capsys.readouterr().out == ""


def test_the_verifier_in_one_file_imports_nothing_of_ours():
    assert "remarque" not in {
        line.split()[1].partition(".")[0]
        for line in SCRIPT.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }


def test_pinned_keys_of_the_vectors_are_read_and_written_alike():
    document = cases("receipts")[0]["keys"]
    keys = PinnedKeys.from_document(document)
    assert keys.to_document() == {name: value for name, value in document.items() if name != "routes"}
