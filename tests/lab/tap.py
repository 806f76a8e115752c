# SPDX-License-Identifier: BSD-2-Clause
"""Results as the Test Anything Protocol, which `make check` counts."""

import os
import sys
import traceback


class Skip(Exception):
    """The test cannot run here; the text says why."""


def build_directory():
    """Where the programs under test are: the build's top directory."""
    return os.path.abspath(os.environ.get("REHOME_BUILD", "."))


def main(tests):
    """Runs the functions in turn (or those named in argv); exits 1 when one
    failed. A function's name is the name of its test."""
    chosen = [test for test in tests
              if not sys.argv[1:] or test.__name__ in sys.argv[1:]]
    print("1..%d" % len(chosen), flush=True)
    failed = 0
    for index, test in enumerate(chosen, 1):
        try:
            test()
            print("ok %d - %s" % (index, test.__name__), flush=True)
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (index, test.__name__, reason),
                  flush=True)
        except Exception:  # every defect of a test is a failure of it
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line, flush=True)
            print("not ok %d - %s" % (index, test.__name__), flush=True)
    sys.exit(1 if failed else 0)
