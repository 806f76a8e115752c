# SPDX-License-Identifier: BSD-2-Clause
"""Figures of a benchmark: contestants that take turns, medians, and the ratio
of each turn, since a machine that does other work slows both of a turn down."""

import statistics
import sys
import time

BEGUN = time.monotonic()


def tell(text):
    """Progress, with the seconds since the start."""
    print("%6.1f s  %s" % (time.monotonic() - BEGUN, text), file=sys.stderr,
          flush=True)


def take_turns(what, rounds, contestants):
    """contestants: name -> function that measures once. Runs them in turn, so
    many rounds; name -> list of what they returned."""
    figures = {name: [] for name in contestants}
    for turn in range(rounds):
        for name, measure in contestants.items():
            figure = measure()
            figures[name].append(figure)
            tell("%s, round %d of %d, %s: %s" % (
                what, turn + 1, rounds, name, format_figure(figure)))
    return figures


def format_figure(figure):
    if isinstance(figure, dict):
        return ", ".join("%s %s" % (name, format_number(value))
                         for name, value in figure.items())
    return format_number(figure)


def format_number(value):
    if value >= 1000:
        return "{:,.0f}".format(value)
    return "%.0f" % value if value >= 100 else "%.3g" % value


class Table:
    """Rows of what is measured, of the peer's and our figure, their ratio and
    what it should be."""

    def __init__(self):
        self.rows = []
        self.skipped = []

    def compare(self, what, peer, theirs, ours, at_least=None, at_most=None):
        """theirs and ours: lists of the same rounds."""
        ratio = statistics.median(
            mine / other for mine, other in zip(ours, theirs))
        aim = missed = ""
        if at_least is not None:
            aim, missed = ">= %.2f" % at_least, ratio < at_least
        elif at_most is not None:
            aim, missed = "<= %.2f" % at_most, ratio > at_most
        self.rows.append((what, peer, format_number(statistics.median(theirs)),
                          format_number(statistics.median(ours)),
                          "%.2f" % ratio, aim, "missed" if missed else ""))

    def alone(self, what, ours):
        self.rows.append((what, "", "", format_number(statistics.median(ours)),
                          "", "", ""))

    def skip(self, what, why):
        self.skipped.append((what, why))
        tell("%s: skipped: %s" % (what, why))

    def print(self, out=sys.stdout):
        head = ("what", "beside", "theirs", "ours", "ratio", "aim", "")
        rows = [head, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        for row in rows:
            cells = [cell.ljust(width) if i < 2 else cell.rjust(width)
                     for i, (cell, width) in enumerate(zip(row, widths))]
            print("  ".join(cells).rstrip(), file=out)
        for what, why in self.skipped:
            print("skipped: %s: %s" % (what, why), file=out)
