# SPDX-License-Identifier: BSD-2-Clause
"""Deliveries that never stop, over the delivery listener, while accounts move
there and back: none reaches a home after the flip has taken the account away,
none is lost, none comes twice."""

import collections
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from ledger import inventory  # noqa: E402
from lmtp_client import LmtpClient  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402

ACCOUNTS = ("ann@example.org", "bob@example.org", "cat@example.org")
FLIPS = 6  # of each account
SENDERS = 4
FLIPPED = re.compile(r"^(\S+) .* account=(\S+) event=transition "
                     r"from=frozen to=sweeping home=(\S+)")
ANSWERED = re.compile(r"^(\S+) .* protocol=lmtp .* account=(\S+) system=(\S+): "
                      r"2\.")


class Firing(threading.Thread):
    """Delivers to all accounts in one transaction, over and over; what is put
    off is delivered again."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port = port
        self.label = name
        self.sent = []  # (number, account)
        self.deferred = 0
        self.wrong = []
        self._end = threading.Event()

    def finish(self):
        self._end.set()
        self.join(60)
        assert not self.is_alive(), "%s does not end" % self.label

    def run(self):
        client = LmtpClient(self.port)
        count = 0
        while not self._end.is_set():
            count += 1
            number = "%s-%06d" % (self.label, count)
            left = list(ACCOUNTS)
            while left:
                left = self._attempt(client, number, left)
                if left:
                    time.sleep(0.02)
        client.command("QUIT")

    def _attempt(self, client, number, accounts):
        text = ("X-Ledger: %s\r\nSubject: %s\r\n\r\nhello\r\n"
                % (number, number)).encode()
        again = []
        for account, answer in zip(accounts, client.send(text, *accounts)):
            if answer.startswith("250"):
                self.sent.append((number, account))
            elif answer.startswith("451"):
                self.deferred += 1
                again.append(account)
            else:
                self.wrong.append((number, account, answer))
        return again


def settled(site, address, home):
    def look():
        account = site.rehome.show(address)
        return account["phase"] == "settled" and account["home"] == home
    wait_for(look, 60, "%s to settle at its %s" % (address, home), 0.05)


def stragglers(site):
    """Deliveries that a system has answered for when it was home no more."""
    taken = collections.defaultdict(list)  # account -> (instant, new home)
    for line in site.scratch.log("policyd").splitlines():
        match = FLIPPED.match(line)
        if match:
            home = "new" if match.group(3) == "destination" else "old"
            taken[match.group(2)].append((match.group(1), home))
    late = []
    count = 0
    for line in site.scratch.log("gateway").splitlines():
        match = ANSWERED.match(line)
        if not match:
            continue
        count += 1
        instant, account, system = match.groups()
        before = [home for at, home in taken[account] if at < instant]
        if system != (before[-1] if before else "old"):
            late.append(line)
    return late, sum(map(len, taken.values())), count


def check_mailboxes(site, sent):
    for address in ACCOUNTS:
        here, _ = inventory(site.old, address)  # FLIPS is even
        due = {number for number, account in sent if account == address}
        assert due == set(here), (address, due ^ set(here))
        twice = [number for number, copies in here.items() if len(copies) > 1]
        assert not twice, twice[:5]


def none_is_late_lost_or_doubled():
    with Scratch() as scratch:
        site = Site(scratch, tap.build_directory(), policy=False, milter=False,
                    maps="listener", settle="300ms", level="debug")
        site.start(ACCOUNTS)
        site.rehome.start_copier()
        firing = [Firing(site.gateway.port("lmtp"), "f%d" % number)
                  for number in range(SENDERS)]
        for thread in firing:
            thread.start()
        for flip in range(FLIPS):
            verb, home = (("move", "destination"), ("return", "source"))[
                flip % 2]
            site.rehome.ctl(verb, *ACCOUNTS)
            for address in ACCOUNTS:
                settled(site, address, home)
        for thread in firing:
            thread.finish()
        sent = [pair for thread in firing for pair in thread.sent]
        late, flips, answered = stragglers(site)
        print("# %d deliveries, %d put off, %d flips" % (
            len(sent), sum(thread.deferred for thread in firing), flips),
            flush=True)
        assert flips == FLIPS * len(ACCOUNTS), flips
        assert answered == len(sent), (answered, len(sent))
        assert not any(thread.wrong for thread in firing)
        assert not late, late[:5]
        check_mailboxes(site, sent)


if __name__ == "__main__":
    tap.main([none_is_late_lost_or_doubled])
