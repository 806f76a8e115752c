# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark of copies works: a short run measures each phase of each tool
that is there, and nothing that rehome copied differs. No time decides
anything."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402

COPY = os.path.join(HERE, "..", "bench", "copy.py")


def rows(*arguments):
    """{(phase, tool): cells} of all corpora."""
    done = subprocess.run(
        [sys.executable, COPY, "--quick", *arguments], timeout=200, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError("copy.py exited with %d: %s%s" % (
            done.returncode, done.stdout, done.stderr))
    found = {}
    for line in done.stdout.splitlines():
        cells = re.split(r"\s+", line)
        if cells[0] in ("initial", "re-run", "delta"):
            found[cells[0], cells[1]] = cells[2:]
    return found


def expect(found):
    for phase in ("initial", "re-run", "delta"):
        cells = found[phase, "rehome"]
        assert float(cells[0]) > 0, (phase, cells)
        assert cells[-1] == "0", (phase, cells)
        if phase != "re-run":
            assert cells[-2] == "0", (phase, cells)


def small_messages():
    expect(rows("--corpus", "small"))


def all_sizes_with_tls_and_delay():
    expect(rows("--corpus", "mixed", "--format", "sdbox", "--tls", "--delay",
                "10", "--tools", "rehome,mbsync"))


if __name__ == "__main__":
    tap.main([small_messages, all_sizes_with_tls_and_delay])
