# SPDX-License-Identifier: BSD-2-Clause
"""The ledger with Sendmail in front: accounts move there and back by
contrib/sendmail's wiring, under mail and readers that never stop; and what
Sendmail has queued or has in its hands when a freeze comes goes where it
belongs by queue-list and queue-flush alone."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import corpus  # noqa: E402
import tap  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from gate import Gate  # noqa: E402
from gateway import Gateway  # noqa: E402
from ledger import Ledger, inventory  # noqa: E402
from mailuser import Reader  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from sendmail import Sendmail  # noqa: E402
from traffic import INSIDE, OUTSIDE, Accepted, LocalSender  # noqa: E402
from traffic import SmtpSender, compose  # noqa: E402

CACHE = os.path.join(tap.build_directory(), "sendmail-packages")
ANN, BOB = "ann@example.org", "bob@example.org"
TEAM = "team@mx.example.net"
BUDGET_MS = 15000
# A busy machine is no reason for Sendmail to do less than it was asked for.
BUSY = "\n".join("define(`conf%s_LA', `1000')dnl" % what
                 for what in ("QUEUE", "REFUSE", "DELAY"))


class Site:
    """Sendmail before two Dovecots. Everything for the accounts goes through
    its queue, or by the delivery listener; interval is that of its queue
    runner."""

    def __init__(self, scratch, interval, listener=False):
        self.scratch = scratch
        self.old, self.new = (Dovecot(scratch, name)
                              for name in ("old", "new"))
        self.gate = Gate(scratch.port(), self.old.lmtp)
        self.old.deliver = "lmtp:inet:127.0.0.1:%d" % self.gate.port
        directory = os.path.join(scratch.path, "rehome")
        self.gateway = listener and Gateway(scratch, self.old, ("lmtp",),
                                            ("none",))
        settings = dict(self.gateway.settings(), queue_barrier="no") \
            if listener else {}
        self.sendmail = Sendmail(
            scratch, CACHE, socketmap="unix:" + directory + "/socketmap",
            milter="unix:" + directory + "/milter",
            hops=(("lmtp", self.gate.port), ("lmtp", self.new.lmtp)),
            aliases={"team": ANN}, settings=BUSY, interval=interval,
            listener=self.gateway and self.gateway.port("lmtp"))
        self.rehome = Rehome(
            scratch, tap.build_directory(), (self.old, self.new), maps="",
            queue_list=self.sendmail.list_command,
            queue_flush=self.sendmail.flush_command + " %i",
            budget="%dms" % BUDGET_MS, **settings)

    def start(self):
        self.gate.start()
        self.scratch.undo.append(self.gate.close)
        self.old.start()
        self.new.start()
        for address in (ANN, BOB):
            self.old.add_user(address)
        self.rehome.start_policyd()
        self.rehome.start_milter()
        if self.gateway:
            self.gateway.start(self.rehome)
        self.sendmail.start()
        for address in (ANN, BOB):
            self.rehome.ctl("add", address, "--source", "old",
                            "--destination", "new")

    def waiting(self, queue):
        return [entry for entry in self.sendmail.queue()
                if entry["queue_name"] == queue]

    def at_rest(self, count):
        """Waits until so many messages wait, in nobody's hands: the process
        that receives a message lets go of it a little after its answer."""
        wait_for(lambda: len(self.waiting("deferred")) == count, 10,
                 "%d messages to wait" % count)


# ---- the ledger ----

def traffic(site, accepted):
    route = {ANN: ANN, BOB: BOB, TEAM: ANN}
    port = site.sendmail.port
    return [SmtpSender(accepted, (ANN, BOB), route, port, pause=0.05),
            SmtpSender(accepted, (TEAM,), route, port, pause=0.1),
            SmtpSender(accepted, (BOB, ANN), route, port, source=INSIDE,
                       pause=0.1),
            LocalSender(accepted, (ANN, BOB), route, site.sendmail,
                        pause=0.2)]


def moved(site, verb, home):
    """Gives the order and waits until both accounts are settled there."""
    site.rehome.ctl(verb, ANN, BOB)
    for address in (ANN, BOB):
        account = wait_for(
            lambda: (lambda a: a["phase"] == "settled"
                     and a["home"] == home and a)(site.rehome.show(address)),
            60, "%s to settle at its %s" % (address, home), 0.1)
        assert account["freeze_ms"] <= BUDGET_MS, account
        assert account["attempts"] == 0, account


def balanced(site, accepted, readers, home, other):
    ledger = Ledger(accepted, readers)
    ledger.balance(home, other, (ANN, BOB))
    print("# at the %s home" % home.name, flush=True)
    for line in ledger.lines(parked=len(site.sendmail.flushed())):
        print("# " + line, flush=True)
    assert ledger.at_home > 100, "hardly any mail was sent"
    assert accepted.deferred, "no sender has met a freeze"
    assert ledger.holds(), [accepted.refused[:5], ledger.lost[:5],
                            ledger.twice[:5], ledger.old_only[:5],
                            ledger.misplaced[:5]]


def reader_of(site, address, accepted, before=None):
    """A reader; one that goes on where another stopped knows what it did."""
    reader = Reader(address, (site.old, site.new), accepted)
    if before:
        reader.flagged, reader.filed = before.flagged, before.filed
        reader.drafts, reader.doubtful = before.drafts, before.doubtful
    return reader


def moved_under_traffic(site, accepted, readers, verb):
    """Moves both accounts, then lets all mail arrive and balances it."""
    here, there = site.old, site.new
    if verb == "return":
        here, there = there, here
    flushed = site.sendmail.flushed()
    senders = traffic(site, accepted)
    for thread in senders + readers:
        thread.start()
    time.sleep(1)
    moved(site, verb, "destination" if there is site.new else "source")
    time.sleep(1)
    for thread in senders + readers:
        thread.finish()
    for reader in readers:
        assert reader.served_by == [here.name, there.name], reader.served_by
    wait_for(lambda: not site.sendmail.queue(), 30, "an empty queue", 0.2)
    assert site.sendmail.flushed() > flushed, \
        "no mail has waited for the end of a freeze"
    balanced(site, accepted, readers, there, here)


def there_and_back(site):
    site.start()
    accepted = Accepted()
    for seed, address in enumerate((ANN, BOB), 1):
        for number in corpus.fill(site.old, address, seed, 60):
            accepted.accept(number, [address])
    site.rehome.start_copier()
    readers = [reader_of(site, address, accepted) for address in (ANN, BOB)]
    moved_under_traffic(site, accepted, readers, "move")
    readers = [reader_of(site, before.address, accepted, before)
               for before in readers]
    moved_under_traffic(site, accepted, readers, "return")


# ---- one freeze, with nobody but policyd to run the queue ----

class Scene:
    """One account that is ready to be frozen; the copier is not running."""

    def __init__(self, site):
        self.site = site
        self.rehome = site.rehome
        self.expected = set()
        site.start()
        self.rehome.start_copier()
        self.rehome.ctl("move", ANN, "--manual")
        self.rehome.wait_phase(ANN, "ready")
        site.scratch.stop("copier")

    def send(self, number, recipient, source=OUTSIDE):
        """The answers to RCPT and to the end of data."""
        sender = "sender@example.com"
        answers = self.site.sendmail.send(
            recipient, source=source, sender=sender,
            message=compose(number, sender, recipient))
        if answers[-1] is not None and answers[-1][0] == 250:
            self.expected.add(number)
        return answers

    def accepted(self, number, recipient, source=OUTSIDE):
        answers = self.send(number, recipient, source)
        assert number in self.expected, answers

    def submit(self, number, recipient):
        self.site.sendmail.sendmail(
            "root@mx.example.net", recipient,
            compose(number, "root@mx.example.net", recipient))
        self.expected.add(number)

    def freeze_and_close(self):
        self.rehome.ctl("freeze", ANN)
        wait_for(lambda: self.rehome.show(ANN)["front"] == "closed", 10,
                 "the front to be closed")

    def finish(self):
        """Waits for the copier to end the freeze by the flip."""
        account = self.rehome.wait_phase(ANN, "settled")
        assert account["home"] == "destination", account

    def holds(self, home):
        """Exactly what was accepted is there, each message once."""
        here, _ = inventory(home, ANN)
        assert {number: len(copies) for number, copies in here.items()} \
            == dict.fromkeys(self.expected, 1), (here, self.expected)


def queued_mail_follows_the_flip(site):
    scene = Scene(site)
    scene.accepted("before", ANN)
    scene.accepted("before-by-alias", TEAM)
    scene.freeze_and_close()
    to_ann, _ = scene.send("deferred", ANN)
    assert to_ann[0] == 451 and to_ann[1].startswith(b"4.2.1"), to_ann
    scene.accepted("own", ANN, source=INSIDE)
    scene.accepted("by-alias", TEAM)
    scene.submit("local", ANN)
    site.at_rest(5)
    site.sendmail.run_queue()  # it takes none from the park
    assert len(site.waiting("deferred")) == 5, site.sendmail.queue()
    assert not inventory(site.old, ANN)[0]
    site.rehome.start_copier()
    scene.finish()
    wait_for(lambda: not site.sendmail.queue(), 20, "an empty queue", 0.1)
    assert not inventory(site.old, ANN)[0]
    scene.holds(site.new)
    assert len(site.sendmail.flushed()) == 5, site.sendmail.flushed()
    scene.accepted("deferred", ANN)
    site.at_rest(1)
    site.sendmail.run_queue()
    scene.holds(site.new)


def a_delivery_under_way_is_waited_for(site):
    scene = Scene(site)
    scene.accepted("slow", ANN)
    site.at_rest(1)
    site.gate.hold()
    runner = threading.Thread(target=site.sendmail.run_queue, daemon=True)
    runner.start()
    wait_for(lambda: site.gate.held and site.waiting("active"), 10,
             "the delivery to be under way")
    scene.freeze_and_close()
    site.rehome.start_copier()
    time.sleep(2)  # the barrier must not let the copier pass
    assert site.rehome.show(ANN)["phase"] == "frozen"
    site.gate.release()
    runner.join(20)
    scene.finish()
    assert not site.sendmail.queue()
    scene.holds(site.new)


def by_listener(site):
    there_and_back(site)


def at_site(interval, test, listener=False):
    """The test at a fresh site."""
    def run():
        with Scratch("rehome-sendmail") as scratch:
            test(Site(scratch, interval, listener))
    run.__name__ = test.__name__
    return run


if __name__ == "__main__":
    tap.main([at_site("1s", there_and_back),
              at_site("1h", by_listener, listener=True),
              at_site("1h", queued_mail_follows_the_flip),
              at_site("1h", a_delivery_under_way_is_waited_for)])
