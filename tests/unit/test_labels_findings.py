"""What a verification finds besides the verdict: history, claims, time, contradictions, and the words it says it in."""

import ast
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

import remarque.labels
from remarque.answers import Verdict
from remarque.labels import xmp
from remarque.labels.carriers import WRITABLE
from remarque.labels.codes import meaning
from remarque.labels.credentials import time_stamp
from remarque.labels.reading import Store
from remarque.labels.stamp import stamp
from remarque.labels.timestamps import TimeStamps
from remarque.labels.verify import Reading, read_labels
from remarque.labels.vocabulary import EXCLUDING_TYPES, IN_WORDS, LABEL_TYPES
from tests import authority
from tests.label_claims import CAPTURE, JPEG, TRAINED, TYPES, Used, assertion, created, signed, signer
from tests.label_pictures import development, request

#: The modules whose text ends up in a verification.
SPEAKING = ("claims", "codes", "credentials", "hints", "history", "reading", "recovered", "verify", "vocabulary")
AIGC = '{"Label":"1","ContentProducer":"x","ProduceID":"1","Prompt":"a private wish"}'


def read(data: bytes, *roots: int) -> Reading:
    return read_labels(data, trust_anchors=b"".join(signer(number).root for number in roots))


def with_xmp(data: bytes, **properties: str) -> bytes:
    return WRITABLE["image/jpeg"].write_xmp(data, xmp.write({getattr(xmp, name): v for name, v in properties.items()}))


def manifest(reading: Reading) -> dict[str, Any]:
    [layer] = [layer for layer in reading.layers if layer.layer == "c2pa"]
    return layer.detail


def test_a_conflict_says_who_states_what() -> None:
    camera = signed(source_type=CAPTURE, data=with_xmp(JPEG, AIGC=AIGC))
    reading = read(camera, 0)
    assert (reading.verdict, reading.ai_generated) == (Verdict.CONFLICT, None)
    assert "AI is stated by its label by GB 45438, another origin by its C2PA manifest" in reading.summary
    assert "whose certificate is trusted here" in reading.summary
    assert "anyone's" in read(camera).summary
    generator = signed(source_type=TRAINED, data=with_xmp(JPEG, DIGITAL_SOURCE_TYPE=CAPTURE))
    assert read(generator, 0).verdict is read(generator).verdict is Verdict.CONFLICT
    assert "AI is stated by its C2PA manifest, another origin by its XMP metadata" in read(generator).summary
    assert [layer.detail["statement"] for layer in read(generator).layers] == ["ai", "not_ai"]


def test_two_unsigned_layers_can_contradict_each_other() -> None:
    reading = read(with_xmp(JPEG, DIGITAL_SOURCE_TYPE=CAPTURE, AIGC=AIGC))
    assert reading.verdict is Verdict.CONFLICT
    assert "anyone can write or remove" in reading.summary


def test_other_names_of_the_system_are_said_and_no_conflict() -> None:
    made = created(TRAINED, softwareAgent={"name": "Model A", "version": "1"})
    reading = read(signed(made, data=with_xmp(JPEG, DIGITAL_SOURCE_TYPE=TRAINED, AI_SYSTEM_USED="Model B")), 0)
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert "names another system than the manifest" in reading.layers[1].says
    assert reading.layers[1].detail["AISystemUsed"] == ["Model B"]
    assert reading.layers[1].detail["systems_in_manifest"] == ["Model A"]
    same = read(signed(made, data=with_xmp(JPEG, DIGITAL_SOURCE_TYPE=TRAINED, AI_SYSTEM_USED="model a")), 0)
    assert "systems_in_manifest" not in same.layers[1].detail


def test_a_camera_with_an_ai_system_is_neither_called_ai_nor_without() -> None:
    unsigned = read(with_xmp(JPEG, DIGITAL_SOURCE_TYPE=TYPES + "computationalCapture", AI_SYSTEM_USED="Night mode"))
    assert (unsigned.verdict, unsigned.ai_generated) == (Verdict.UNSIGNED_METADATA, None)
    disclosed = read(signed(assertion("c2pa.ai-disclosure", modelType="c2pa.types.model"), source_type=CAPTURE), 0)
    assert (disclosed.verdict, disclosed.ai_generated) == (Verdict.NOTHING_FOUND, None)
    assert "names an AI system, and not what it did" in disclosed.summary


def test_unsigned_data_that_states_another_origin_is_no_proof() -> None:
    reading = read(with_xmp(JPEG, DIGITAL_SOURCE_TYPE=CAPTURE))
    assert (reading.verdict, reading.ai_generated) == (Verdict.NOTHING_FOUND, None)
    assert "states another origin. Nothing signs that" in reading.summary


def test_the_history_is_listed_with_what_was_found_of_each() -> None:
    generated = signed(source_type=TRAINED, by=signer(1))
    broken = with_xmp(signed(source_type=CAPTURE), CREDIT="later")
    edited = signed(used=[Used(generated), Used(broken, "componentOf", "<img onerror>"), Used(JPEG, "inputTo")])
    again = signed(used=[Used(edited)])
    told = manifest(read(again, 0, 1))["history"]
    assert [(step["depth"], step["relationship"], step["state"]) for step in told] == [
        (1, "parentOf", "trusted"),
        (2, "parentOf", "trusted"),
        (2, "componentOf", "invalid"),
        (2, "inputTo", "absent"),
    ]
    assert told[1]["digital_source_types"] == ["trainedAlgorithmicMedia"]
    assert told[1]["signer"] == "Remarque DEVELOPMENT label signer"
    assert "assertion.dataHash.mismatch" in told[2]["failures"]
    assert told[2]["title"] == "<img onerror>"
    assert {step["used_by"] for step in told[1:]} == {told[0]["manifest"]}
    assert [step["state"] for step in manifest(read(again, 0))["history"]][:2] == ["trusted", "valid"]


def test_trust_in_an_earlier_signer_is_the_readers_and_not_the_editors() -> None:
    generated = signed(source_type=TRAINED, by=signer(1))
    for trusting in (b"", signer(1).root):
        edited = signed(used=[Used(generated)], trusting=trusting)
        known, unknown = read(edited, 0, 1), read(edited, 0)
        assert (known.verdict, unknown.verdict) == (Verdict.TRUSTED_LABEL, Verdict.UNTRUSTED_LABEL)
        # The editor is trusted either way, whatever is thought of who came before.
        assert known.layers[0].state == unknown.layers[0].state == "trusted"
        assert "an earlier signer who is trusted here says that it was made by AI" in known.summary
        assert "trusted by nobody here, says that it was made by AI" in unknown.summary
        assert all("made from: the signer is on no trust list" in one["means"] for one in manifest(unknown)["failures"])


def test_a_part_that_was_made_by_ai_makes_no_picture_that_was() -> None:
    generated = signed(source_type=TRAINED)
    collage = read(signed(source_type=CAPTURE, used=[Used(generated, "componentOf")]), 0)
    assert (collage.verdict, collage.ai_generated) == (Verdict.TRUSTED_LABEL, True)
    assert "contains parts made by AI" in collage.summary
    filled = [
        {"action": "c2pa.created", "digitalSourceType": CAPTURE},
        {"action": "c2pa.edited", "digitalSourceType": TRAINED},
    ]
    edited = read(signed(assertion("c2pa.actions.v2", allActionsIncluded=True, actions=filled)), 0)
    assert "contains parts made by AI" in edited.summary


def test_claims_are_listed_cut_and_without_prompts_or_persons() -> None:
    secret = "a private wish"
    data = signed(
        assertion("c2pa.soft-binding", alg="io.iscc.v0", blocks=[{"scope": {}, "value": [1, 2, 3] * 400}]),
        assertion(
            "c2pa.ai-disclosure",
            modelType="c2pa.types.model",
            modelName="<img onerror>" + "x" * 10_000,
            contentProfile={"humanOversightLevel": "prompt_guided"},
            metadata={"prompt": secret},
        ),
        assertion(
            "cawg.metadata",
            **{
                "@context": {"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"},
                "Iptc4xmpExt:AISystemUsed": "y" * 10_000,
                "Iptc4xmpExt:AIPromptInformation": secret,
                "Iptc4xmpExt:AIPromptWriterName": secret,
            },
        ),
        created(TRAINED, parameters={"prompt": secret}, description=secret),
        title="<script>" + "z" * 10_000,
    )
    reading = read(data, 0)
    detail = manifest(reading)
    assert secret not in str(reading)
    assert detail["soft_bindings"] == [{"alg": "io.iscc.v0", "value": ("AQID" * 25)}]
    [disclosed] = detail["claims"]["ai_disclosure"]
    assert disclosed["modelName"].startswith("<img onerror>xx")
    assert disclosed["humanOversightLevel"] == "prompt_guided"
    [metadata] = detail["claims"]["metadata"]
    assert metadata["AIPromptInformation"] == ["present"]
    assert metadata["other_fields"] == 1
    assert detail["claims"]["title"].startswith("<script>zz")
    shown = (disclosed["modelName"], metadata["AISystemUsed"][0], detail["claims"]["title"])
    assert [len(text) for text in shown] == [2000, 2000, 2000]
    for text in ("img", "script", "xxx", "yyy", "zzz"):
        assert text not in reading.summary


def test_a_source_type_of_ones_own_never_gets_into_a_sentence() -> None:
    hostile = [
        {"action": "c2pa.created", "digitalSourceType": CAPTURE},
        {"action": "c2pa.edited", "digitalSourceType": "http://x.example/<img onerror>"},
    ]
    reading = read(signed(assertion("c2pa.actions.v2", allActionsIncluded=True, actions=hostile)), 0)
    assert reading.ai_generated is False
    assert "states that it was taken with a digital camera" in reading.summary
    assert "onerror" not in reading.summary


def test_unsigned_labels_show_no_field_that_is_not_theirs() -> None:
    text, file = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("AIGC", AIGC)
    Image.linear_gradient("L").save(file, "PNG", pnginfo=text)
    [layer] = read(file.getvalue()).layers
    assert layer.detail["label"] == {"Label": "1", "ContentProducer": "x", "ProduceID": "1"}


def test_an_invalid_label_says_in_words_what_was_found() -> None:
    reading = read(with_xmp(signed(source_type=TRAINED), CREDIT="later"), 0)
    assert reading.verdict is Verdict.INVALID_LABEL
    assert "What was found: the picture was changed after it was signed." in reading.summary


def test_a_format_without_room_for_labels_is_read_as_one_without_label() -> None:
    bare = b"\xff\x0a" + bytes(50)  # a JPEG XL codestream, which the C2PA library takes for a broken container
    assert read(bare).verdict is Verdict.NOTHING_FOUND


def test_a_manifest_that_the_library_cannot_parse_is_invalid() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><metadata><c2pa:manifest>A A</c2pa:manifest></metadata></svg>'
    reading = read(svg)
    assert reading.verdict is Verdict.INVALID_LABEL
    assert "the manifest cannot be read" in reading.summary


def test_a_signature_without_time_stamp_is_said_to_have_none() -> None:
    told = manifest(read(signed(source_type=TRAINED), 0))["time_stamp"]
    assert told["state"] == "none"
    assert "time" not in told


@pytest.mark.parametrize(
    ("codes", "version", "state", "shown"),
    [
        ("validated trusted", 2, "trusted", True),
        ("validated untrusted", 2, "untrusted", True),
        ("validated", 2, "untrusted", True),
        ("validated trusted", 1, "unchecked", True),
        ("mismatch", 2, "failed", False),
        ("malformed", 2, "failed", False),
        ("validated trusted outsideValidity", 2, "failed", False),
        ("something.new", 2, "failed", False),
        ("trusted", 2, "failed", False),
    ],
)
def test_a_time_is_shown_only_where_the_time_stamp_fits(codes: str, version: int, state: str, shown: bool) -> None:
    def status(code: str, label: str) -> dict[str, str]:
        return {"code": f"timeStamp.{code}", "url": f"self#jumbf=/c2pa/{label}/c2pa.signature"}

    found = [status(code, "urn:c2pa:1") for code in codes.split()]
    report = {
        "active_manifest": "urn:c2pa:1",
        "manifests": {"urn:c2pa:1": {"claim_version": version, "signature_info": {"time": "2026-11-23T12:00:00Z"}}},
        "validation_results": {
            "activeManifest": {"success": found, "informational": [status("mismatch", "urn:c2pa:other")]}
        },
    }
    told = time_stamp(Store("valid", report=report))
    assert told["state"] == state
    assert ("time" in told) is shown
    assert told["says"]


def test_a_time_stamp_is_trusted_where_its_authority_is(tmp_path: Path) -> None:
    with authority.running(tmp_path) as stamping:
        key, root = development()
        done = stamp(JPEG, request(), key, time_stamps=TimeStamps(stamping.url, timeout=30)).data
    known, unknown = (
        manifest(read_labels(done, trust_anchors=anchors))["time_stamp"] for anchors in (root + stamping.root, root)
    )
    assert (known["state"], unknown["state"]) == ("trusted", "untrusted")
    assert abs(datetime.fromisoformat(known["time"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert unknown["time"] == known["time"]
    assert "nobody trusted here vouches" in unknown["says"]


def test_every_source_type_that_decides_has_words() -> None:
    assert set(IN_WORDS) == LABEL_TYPES | EXCLUDING_TYPES


def test_a_code_that_nobody_knows_has_words_too() -> None:
    assert meaning("something.new") == "this check failed or could not be made"


def test_no_sentence_calls_a_picture_real_or_gives_a_probability() -> None:
    folder = Path(remarque.labels.__file__).parent
    unwanted = re.compile(r"\b(real|really|authentic\w*|genuine\w*|probab\w*|likel\w*|percent)\b|%", re.IGNORECASE)
    read = 0
    for path in [folder / f"{name}.py" for name in SPEAKING]:
        tree = ast.parse(path.read_text())
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                read += 1
                assert not unwanted.search(node.value), f"{path.name}: {node.value!r}"
    assert read > 300
