#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Searches all that can happen in the model of a move (account.pml): the right
one keeps its promises, and each seeded mistake is found. MISHAPS in the
environment sets how many things go wrong at most (1; 2 takes some minutes)."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402

MODEL = os.path.join(HERE, "account.pml")
MISHAPS = os.environ.get("MISHAPS", "1")
SAFETY = ["-DSAFETY", "-DNOCLAIM"]
LIVENESS = ["-DNFAIR=4"]


def search(defines, liveness=False):
    """The verifier's words on the model with these macros defined."""
    with tempfile.TemporaryDirectory() as directory:
        def run(*command):
            return subprocess.run(command, cwd=directory, text=True,
                                  stdout=subprocess.PIPE, check=True,
                                  stderr=subprocess.STDOUT).stdout

        run("spin", "-a", "-DMISHAPS=" + MISHAPS,
            *["-D" + name for name in defines], MODEL)
        run("gcc", "-O2", "-w", "-DCOLLAPSE", "-DVECTORSZ=2048",
            *(LIVENESS if liveness else SAFETY), "-o", "pan", "pan.c")
        words = run("./pan", "-m1000000", "-w24",
                    *(["-a", "-f"] if liveness else []))
        if os.path.exists(os.path.join(directory, "account.pml.trail")):
            words += run("spin", "-k", "account.pml.trail", "-t", "-p",
                         "-DMISHAPS=" + MISHAPS,
                         *["-D" + name for name in defines], MODEL)
    return words


def keeps_its_promises(*defines, liveness=False):
    words = search(defines, liveness)
    assert "errors: 0" in words, words[-6000:]
    for cut in ("max search depth too small", "out of memory",
                "Search not completed"):
        assert cut not in words, words


def is_found(mistake, *defines, by="assertion violated", liveness=False):
    words = search((mistake,) + defines, liveness)
    assert "errors: 1" in words and by in words, words


def with_the_listener():
    keeps_its_promises()


def with_maps():
    keeps_its_promises("MAPS")


def every_freeze_ends():
    keeps_its_promises("ALONE", liveness=True)
    keeps_its_promises("ALONE", "MAPS", liveness=True)


def no_barrier():
    is_found("NO_BARRIER")
    is_found("NO_BARRIER", "MAPS")


def no_epoch():
    is_found("NO_EPOCH")


def sweep_without_bounds():
    is_found("NO_BOUNDS")


def bounds_of_the_flip():
    is_found("LATE_BOUNDS")


def early_barrier_after_a_restart():
    is_found("EARLY_BARRIER")


def gateway_vouches_for_its_predecessor():
    is_found("FORGETFUL")


def no_thaw():
    is_found("NO_THAW", "ALONE", by="acceptance cycle", liveness=True)


if __name__ == "__main__":
    tap.main([with_the_listener, with_maps, every_freeze_ends, no_barrier,
              no_epoch, sweep_without_bounds, bounds_of_the_flip,
              early_barrier_after_a_restart,
              gateway_vouches_for_its_predecessor, no_thaw])
