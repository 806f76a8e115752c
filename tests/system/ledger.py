# SPDX-License-Identifier: BSD-2-Clause
"""The ledger in each wiring: accounts move there and back under mail and
readers that never stop; nothing is lost, nothing comes twice, every user's
flag is where it belongs, every freeze stays within its budget."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import corpus  # noqa: E402
import tap  # noqa: E402
from ledger import Ledger  # noqa: E402
from mailuser import Reader  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402
from traffic import INSIDE, Accepted, LocalSender, SmtpSender  # noqa: E402

ACCOUNTS = ("ann@example.org", "bob@example.org")
ALIASES = {"team@example.net": "ann@example.org"}
BUDGET_MS = 15000


def traffic(site, accepted):
    route = {address: address for address in ACCOUNTS}
    port = site.postfix.smtp
    return [SmtpSender(accepted, ACCOUNTS, route, port, pause=0.05),
            SmtpSender(accepted, ACCOUNTS[::-1], route, port,
                       login=ACCOUNTS[0], pause=0.1),
            SmtpSender(accepted, list(ALIASES), ALIASES, port, pause=0.1),
            SmtpSender(accepted, ACCOUNTS, route, port, source=INSIDE,
                       pause=0.1),
            LocalSender(accepted, ACCOUNTS, route, site.postfix, pause=0.2)]


def moved(site, verb, home):
    """Gives the order and waits until both accounts are settled there."""
    site.rehome.ctl(verb, *ACCOUNTS)
    for address in ACCOUNTS:
        account = wait_for(
            lambda: (lambda a: a["phase"] == "settled"
                     and a["home"] == home and a)(site.rehome.show(address)),
            60, "%s to settle at its %s" % (address, home), 0.1)
        assert account["freeze_ms"] <= BUDGET_MS, account
        assert account["attempts"] == 0, account


def balanced(accepted, readers, home, other):
    ledger = Ledger(accepted, readers)
    ledger.balance(home, other, ACCOUNTS)
    for line in ledger.lines():
        print("# " + line, flush=True)
    assert ledger.at_home > 100, "hardly any mail was sent"
    assert not accepted.refused, accepted.refused[:5]
    assert not ledger.lost, ledger.lost[:5]
    assert not ledger.twice, ledger.twice[:5]
    assert not ledger.old_only, ledger.old_only[:5]
    assert not ledger.misplaced, ledger.misplaced[:5]


def one_way(site, accepted, verb, home, other):
    """One move under traffic of its own, balanced when all is delivered: so
    that no mail delivered to the wrong side can be carried home by the next."""
    readers = [Reader(address, (site.old, site.new), accepted)
               for address in ACCOUNTS]
    senders = traffic(site, accepted)
    for thread in senders + readers:
        thread.start()
    time.sleep(1)
    moved(site, verb, "destination" if home is site.new else "source")
    time.sleep(1)
    for thread in senders + readers:
        thread.finish()
    for reader in readers:
        assert reader.served_by == [other.name, home.name], reader.served_by
    wait_for(lambda: not site.postfix.waiting(), 30, "an empty queue", 0.2)
    balanced(accepted, readers, home, other)
    for reader in readers:  # their drafts are mail of the next leg
        for number in reader.drafts:
            accepted.accept(number, [reader.address])


def there_and_back(policy, milter, maps):
    with Scratch() as scratch:
        site = Site(scratch, tap.build_directory(), policy=policy,
                    milter=milter, maps=maps, aliases=ALIASES,
                    budget="%dms" % BUDGET_MS)
        site.start(ACCOUNTS)
        accepted = Accepted()
        for seed, address in enumerate(ACCOUNTS, 1):
            for number in corpus.fill(site.old, address, seed, 60):
                accepted.accept(number, [address])
        site.rehome.start_copier()
        one_way(site, accepted, "move", site.new, site.old)
        one_way(site, accepted, "return", site.old, site.new)


def milter_with_hash_maps():
    there_and_back(policy=False, milter=True, maps="hash")


def policy_with_hash_maps():
    there_and_back(policy=True, milter=False, maps="hash")


def policy_and_milter_with_hash_maps():
    there_and_back(policy=True, milter=True, maps="hash")


def milter_with_socketmap():
    there_and_back(policy=False, milter=True, maps="socketmap")


def policy_with_socketmap():
    there_and_back(policy=True, milter=False, maps="socketmap")


def policy_and_milter_with_socketmap():
    there_and_back(policy=True, milter=True, maps="socketmap")


def listener_alone():
    there_and_back(policy=False, milter=False, maps="listener")


def policy_with_listener():
    there_and_back(policy=True, milter=False, maps="listener")


if __name__ == "__main__":
    tap.main([milter_with_hash_maps, policy_with_hash_maps,
              policy_and_milter_with_hash_maps, milter_with_socketmap,
              policy_with_socketmap, policy_and_milter_with_socketmap,
              listener_alone, policy_with_listener])
