# SPDX-License-Identifier: BSD-2-Clause
"""The benchmarks themselves work: a short run measures everything. No figure
decides anything, a slow machine passes too."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402

SERVE = os.path.join(HERE, "..", "bench", "serve.py")
NUMBER = r"[0-9][0-9.,e+-]*"


def serve(*arguments):
    """The rows of the table: what -> its numbers."""
    done = subprocess.run(
        [sys.executable, SERVE, "--quick", *arguments], timeout=400, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError("serve.py exited with %d: %s%s" % (
            done.returncode, done.stdout, done.stderr))
    rows = {}
    for line in done.stdout.splitlines():
        cells = re.split(r"\s{2,}", line)
        numbers = [float(cell.replace(",", "")) for cell in cells[1:]
                   if re.fullmatch(NUMBER, cell)]
        rows.setdefault(cells[0], []).append(numbers)
    return rows


def expect(rows, *patterns):
    """Each pattern is that of a row, and its figures were measured."""
    for pattern in patterns:
        found = [numbers for what, lines in rows.items() for numbers in lines
                 if re.match(pattern, what)]
        assert found, "no row %s in %s" % (pattern, list(rows))
        for numbers in found:
            assert numbers and all(number >= 0 for number in numbers) and (
                any(number > 0 for number in numbers)), (pattern, numbers)


def sockets():
    expect(serve("tcp", "unix", "milter"),
           "policy requests, TCP/s", "policy requests, UNIX socket, p99 us",
           "socketmap lookups, TCP, p50 us", "socketmap lookups, UNIX",
           "milter decisions, 1 recipient/s", "milter decisions, 50",
           "milter messages, a connection each")


def mail_server():
    if os.geteuid() != 0:
        raise tap.Skip("it takes root to start a Postfix")
    expect(serve("postfix"), "Postfix messages/s, with policy",
           "Postfix messages/s, with milter", "Postfix messages/s, with both")


def store():
    expect(serve("memory", "control", "maps", "start", "transitions"),
           "policyd, MB resident", "milter, MB proportional",
           "transitions/s over control, one client",
           "transitions/s of the store, 8 threads", "s to publish",
           "s to start after kill -9 under load")


if __name__ == "__main__":
    tap.main([sockets, mail_server, store])
