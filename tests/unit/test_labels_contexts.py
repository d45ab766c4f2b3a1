"""Contexts are kept per process: what was built before a fork is not used after it, and threads share one."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from remarque.answers import Verdict
from remarque.labels.stamp import stamp
from remarque.labels.verify import read_labels
from tests.label_pictures import development, drawn, request

FORKING = """
import os, sys
from remarque.labels.stamp import stamp
from remarque.labels.verify import read_labels
from tests.label_pictures import development, drawn, request
key, root = development()

def label():
    for name in ("png", "jpeg"):
        done = stamp(drawn(name).data, request(), key, trust_anchors=root)
        assert read_labels(done.data, trust_anchors=root).verdict == "trusted_label"

label()
child = os.fork()
if child == 0:
    label()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_signs_and_verifies_after_its_parent_did() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_label_at_the_same_time() -> None:
    key, root = development()  # made here: two threads would make two

    def label(number: int) -> Verdict:
        picture = drawn(("png", "jpeg", "webp-lossy", "avif")[number % 4])
        done = stamp(picture.data, request(system=f"Thread {number}"), key)
        return read_labels(done.data, trust_anchors=root).verdict

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(label, range(80))) == {Verdict.TRUSTED_LABEL}
