"""The steps of the tour: what is done, what it shows, and what has to hold."""

from collections.abc import Callable
from io import BytesIO

import httpx
import numpy as np
from PIL import Image
from rich.console import Console

from demo import pictures
from remarque.answers import CheckResult, Declaration, Verification
from remarque.client import Client, Labelled
from remarque.errors import ReceiptInvalid, ServiceRefused
from remarque.log import receipts
from remarque.log.audit import audit
from remarque.log.checks import verify_check
from remarque.log.keys import PinnedKeys
from remarque.log.receipts import Receipt
from remarque.log.sources import read_address
from remarque.preferences import DEFAULT_PURPOSE, Preference

SYSTEM = "Atelier Diffusion"


class DoesNotHold(Exception):
    """Something that the tour shows is not so."""


class Tour:
    """A walk through one service; what one step makes, the next ones use."""

    def __init__(self, url: str, operator_key: str, console: Console) -> None:
        self.console = console
        self.title = ""
        self.anyone = Client(url)
        self.operator = Client(url, operator_key)
        self.landscape = pictures.png(pictures.landscape())
        self.steps: list[Callable[[], None]] = [
            self.declare,
            self.check_copies,
            self.check_something_else,
            self.change_preference,
            self.label,
            self.tamper_and_strip,
            self.verify_receipts,
            self.withdraw,
            self.send_something_broken,
        ]

    def declare(self) -> None:
        """An artist declares a picture"""
        party = self.anyone.create_party(display_name="Ana Ruiz", kind="artist")
        self.artist = Client(self.anyone.base_url, party.api_key)
        self.declaration = self.artist.declare(("evening.png", self.landscape), title="Evening", creator="Ana Ruiz")
        self.show(f"Ana is now {party.id}; nobody asked for a name, a password or an address.")
        self.show(f"Her picture is declared as {self.declaration.id}, entry {self.declaration.log.index} of the log.")
        kept = self.declaration.fingerprints or []
        bits = sum(len(item.value) * 4 for item in kept)
        self.show(
            f"Kept of its {len(self.landscape):,} bytes: {len(kept)} fingerprints, {bits // 8} bytes. No picture."
        )
        self.holds("the generative preference", self.declaration.preferences[DEFAULT_PURPOSE], Preference.DISALLOWED)
        self.holds("orientations it is known in", len({item.orientation for item in kept if item.orientation}), 8)
        self.holds("what is protected", self.declaration.coverage, ["frame", "region"])
        seen = self.anyone.declaration(self.declaration.id)
        self.holds("what strangers see of the fingerprints", seen.fingerprints, None)

    def check_copies(self) -> None:
        """A dataset builder finds copies of it"""
        picture = pictures.landscape()
        for name, copy in (
            ("half size, JPEG quality 50", pictures.half_size_jpeg(picture)),
            ("mirrored", pictures.mirrored(picture)),
            ("with a white border", pictures.bordered(picture)),
            ("cropped to half its area", pictures.cropped(picture)),
        ):
            result = self.checked(name, copy)
            for match in result.matches:
                if match.regions:
                    self.show(f"  {match.regions} of its regions lie in the copy, all in the same arrangement")
            self.holds(f"the answer for the copy ({name})", result.preference, Preference.DISALLOWED)
            self.holds("the declarations that it names", [m.declaration for m in result.matches], [self.declaration.id])

    def check_something_else(self) -> None:
        """And a picture that nobody said anything about"""
        result = self.checked("garden.png", pictures.png(pictures.garden()))
        self.holds("the answer", result.preference, Preference.UNKNOWN)
        self.holds("its reason", [reason.code for reason in result.reasons], ["no_statement"])
        self.show("Unknown is not a permission; no answer of the service is ever a plain yes or no.")

    def change_preference(self) -> None:
        """The artist changes her mind; the next check follows"""
        before = self.anyone.check(self.landscape)
        self.said(Preference.CONSTRAINED)
        after = self.anyone.check(self.landscape)
        self.holds("the answer", after.results[0].preference, Preference.CONSTRAINED)
        self.holds("growth of the log by one entry", after.tree_size, before.tree_size + 1)
        self.holds("whether the root moved", after.root != before.root, True)
        self.show(f"The log grew from {before.tree_size} to {after.tree_size} entries; each answer names its state:")
        self.show(f"  before {before.root[:32]}…")
        self.show(f"  after  {after.root[:32]}…")
        self.said(Preference.ALLOWED)
        result = self.checked("evening.png", self.landscape)
        self.holds("what her word alone permits", result.preference, Preference.UNKNOWN)
        trusting = self.anyone.check(self.landscape, claims="self").results[0]
        self.holds("the answer to a builder who asks with claims=self", trusting.preference, Preference.ALLOWED)
        self.show("Anyone could declare anyone's picture as allowed: a permission needs more than a key.")
        self.said(Preference.DISALLOWED)

    def label(self) -> None:
        """A generator labels what it makes"""
        credentials = self.operator.create_key(["label"], label=SYSTEM)
        generated = pictures.png(pictures.fractal())
        with Client(self.anyone.base_url, credentials.api_key) as generator:
            self.labelled: Labelled = generator.label(("fractal.png", generated), system=SYSTEM, system_version="3.1")
        self.show(f"The operator gave {SYSTEM} a key; the label is {self.labelled.label_id}.")
        same = np.array_equal(pictures.pixels(generated), pictures.pixels(self.labelled.data))
        self.holds("whether the pixels are the same", same, True)
        self.holds("the format", Image.open(BytesIO(self.labelled.data)).format, "PNG")
        self.show(
            f"Layers: {', '.join(self.labelled.layers)}. All {pictures.WIDTH * pictures.HEIGHT:,} pixels are as before."
        )
        record = self.anyone.label_record(self.labelled.label_id)
        self.holds("the system in the public record", record.system, SYSTEM)
        self.verified("the labelled picture", self.labelled.data, "trusted_label", ai_generated=True)

    def tamper_and_strip(self) -> None:
        """Somebody tampers with it; somebody strips it, and it is found again"""
        self.verified("painted over, label kept", pictures.tampered(self.labelled.data), "invalid_label", None)
        stripped = pictures.stripped(self.labelled.data)
        found = self.verified("saved anew, label gone", stripped, "recovered", ai_generated=True)
        [similar] = [layer for layer in found.layers if layer.layer == "fingerprint"]
        named = [candidate["label"] for candidate in similar.detail["candidates"]]
        self.holds("the labels of similar pictures", named, [self.labelled.label_id])
        self.verified("a picture that nobody labelled", pictures.png(pictures.garden()), "nothing_found", None)
        self.show("Nothing found is not 'no AI': what was labelled elsewhere, or never, cannot be known here.")

    def verify_receipts(self) -> None:
        """Artist and builder keep receipts; a court verifies them without asking anybody"""
        with httpx.Client(base_url=self.anyone.base_url) as http:
            keys = PinnedKeys.from_document(http.get("/.well-known/remarque.json").raise_for_status().json())
            audited = audit(read_address(http, "/log"), keys)
        self.show(f"The keys of {keys.origin} were saved; the rest is verified with them alone.")
        kept = self.artist.receipt(self.declaration.id)
        receipt = Receipt.parse(kept)
        receipts.verify(receipt, keys)
        self.holds("the entry that Ana's receipt proves", receipt.proof.index, self.declaration.log.index)
        altered = kept.replace(b"Evening", b"Morning")
        self.refused("her receipt, with another title", lambda: receipts.verify(Receipt.parse(altered), keys))
        checked = self.artist.check(("evening.png", self.landscape), receipt=True)
        note = (checked.receipt or "").encode()
        said = verify_check(note, keys)
        self.holds("what the builder's receipt says was found", said.counts["disallowed"], 1)
        forged = note.replace(b'"disallowed":1', b'"allowed":1')
        self.refused("the builder's receipt, saying allowed", lambda: verify_check(forged, keys))
        self.show(f"The whole log was computed again from its {audited.checkpoint.size} entries, and is as signed.")

    def withdraw(self) -> None:
        """The artist withdraws her declaration"""
        ended: Declaration = self.artist.withdraw(self.declaration.id)
        self.holds("the status", ended.status.value, "withdrawn")
        result = self.checked("evening.png", self.landscape)
        self.holds("the answer", result.preference, Preference.UNKNOWN)
        self.holds("its reason", [reason.code for reason in result.reasons], ["no_statement"])

    def send_something_broken(self) -> None:
        """Something broken arrives"""
        broken = self.landscape[: len(self.landscape) // 3]
        result = self.checked("broken.png", broken)
        self.holds("the answer to a check", result.preference, Preference.UNKNOWN)
        self.holds("its reason", [reason.code for reason in result.reasons], ["undecodable"])
        for name, data, slug in (
            ("broken.png", broken, "undecodable"),
            ("notes.txt", b"not a picture", "not-a-picture"),
        ):
            try:
                self.artist.declare((name, data))
            except ServiceRefused as refusal:
                self.show(f"declare {name}: {refusal.status} {refusal.slug}: {refusal}")
                self.holds("the problem", refusal.slug, slug)
            else:
                raise DoesNotHold(f"{name} was declared")

    def close(self) -> None:
        """Close the connections."""
        for client in (self.anyone, self.operator, getattr(self, "artist", None)):
            if client is not None:
                client.close()

    def show(self, text: str) -> None:
        """Print what is seen."""
        self.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)

    def holds(self, what: str, got: object, expected: object) -> None:
        """Go on only if it is as expected. Raises DoesNotHold."""
        if got != expected:
            raise DoesNotHold(f"{what}: expected {expected}, got {got}")
        self.console.print(f"  [green]✓[/] [dim]{what}: {_short(got)}[/]", highlight=False, soft_wrap=True)

    def refused(self, what: str, verify: Callable[[], object]) -> None:
        """Go on only if it does not verify. Raises DoesNotHold if it does."""
        try:
            verify()
        except ReceiptInvalid as error:
            self.holds(what, "does not verify", "does not verify")
            self.show(f"  {error}")
        else:
            raise DoesNotHold(f"{what} verifies")

    def checked(self, name: str, data: bytes) -> CheckResult:
        """Check one picture as anyone can, and print the answer with its reasons."""
        result = self.anyone.check((name, data)).results[0]
        self.show(f"check {name}: {result.preference}")
        for reason in result.reasons:
            self.show(f"  because {reason.code}: {reason.detail}")
        return result

    def said(self, preference: Preference) -> None:
        """Let the artist say something else about generative training."""
        changed = self.artist.set_preferences(self.declaration.id, {DEFAULT_PURPOSE: preference})
        self.show(f"Ana now says: {DEFAULT_PURPOSE} {changed.preferences[DEFAULT_PURPOSE]}.")

    def verified(self, name: str, data: bytes, verdict: str, ai_generated: bool | None) -> Verification:
        """Verify one picture as anyone can. Raises DoesNotHold if the verdict is another."""
        verification = self.anyone.verify(data)
        self.show(f"verify {name}: {verification.summary}")
        self.holds("the verdict", verification.verdict.value, verdict)
        self.holds("ai_generated", verification.ai_generated, ai_generated)
        return verification


def _short(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
