# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark of the gateway works, and what it looks at on the way holds: no
session gets another's octets, and what sessions took is given back. No figure
decides anything else, a slow machine passes too."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402

BENCH = os.path.join(HERE, "..", "bench", "gateway.py")


def rows(*arguments):
    """What was measured: the first cell of each row of the table."""
    done = subprocess.run(
        [sys.executable, BENCH, "--quick", "--without", "perdition",
         "--without", "dovecot", *arguments], timeout=200, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, "gateway.py exited with %d: %s%s" % (
        done.returncode, done.stdout, done.stderr)
    return [re.split(r"\s{2,}", line)[0] for line in done.stdout.splitlines()]


def figures():
    found = rows("login", "fetch-tls", "deliver")
    for what in ("logins/s", "deliveries/s"):
        assert what in found, found


def sessions_of_their_own():
    """700 sessions at a time, 500 of them at work, twice."""
    found = rows("--rounds", "2", "soak")
    assert any(row.startswith("soak") for row in found), found


if __name__ == "__main__":
    tap.main([figures, sessions_of_their_own])
