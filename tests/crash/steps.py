# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 at every step of a move. Each step at which policyd or the copier
makes something durable, and steps of the milter, of smtpd and of what the
copier tells its servers, is the last of one run; after a restart the move
ends, the ledger holds, and no freeze was longer than budget plus lease."""

import os
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import corpus  # noqa: E402
import tap  # noqa: E402
from ledger import Ledger  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402
from traffic import Accepted, SmtpSender  # noqa: E402

ANN = "ann@example.org"
BUDGET_MS, LEASE_MS = 8000, 2000
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kill_at.c")


class Crash:
    """One site whose account moves to and fro, a program dying each time."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.library = os.path.join(scratch.path, "kill_at.so")
        run([os.environ.get("REHOME_CC", "cc").split()[0], "-D_GNU_SOURCE",
             "-O1", "-shared", "-fPIC", "-o", self.library, SOURCE, "-ldl"])
        self.site = Site(scratch, tap.build_directory(),
                         budget="%dms" % BUDGET_MS, lease="%dms" % LEASE_MS,
                         settle="300ms")
        self.rehome = self.site.rehome
        self.site.start((ANN,))
        self.accepted = Accepted()
        for number in corpus.fill(self.site.old, ANN, 1, 12):
            self.accepted.accept(number, [ANN])
        self.sender = SmtpSender(self.accepted, [ANN], {ANN: ANN},
                                 self.site.postfix.smtp, pause=0.1)
        self.sender.start()
        self.home = "source"
        self.longest = 0
        self.runs = 0

    def preload(self, step, kind):
        """Environment that ends a program before its step; 0 only counts."""
        self.runs += 1  # who still has the last file mapped counts there
        self.count = os.path.join(self.scratch.path, "steps.%d" % self.runs)
        with open(self.count, "wb") as count:
            count.write(struct.pack("Q", 0))
        return {"LD_PRELOAD": self.library, "KILL_AT_COUNT": self.count,
                "KILL_AT_STEP": str(step), "KILL_AT_KIND": kind}

    def steps(self):
        with open(self.count, "rb") as count:
            return struct.unpack("Q", count.read())[0]

    def jump(self, steps):
        """As if so many steps had been made."""
        with open(self.count, "r+b") as count:
            count.write(struct.pack("Q", steps))

    def order(self):
        verb = "move" if self.home == "source" else "return"
        done = self.rehome.ctl(verb, ANN, check=False)
        return done.returncode == 0

    def ordered(self):
        """The order was taken, though its answer may have got lost."""
        wait_for(self.rehome.answers, 20, "policyd to answer")
        if self.rehome.show(ANN)["phase"] == "settled":
            self.order()

    def settle(self, seconds=60):
        wanted = "destination" if self.home == "source" else "source"
        frozen_since = None
        end = time.monotonic() + seconds
        while True:
            account = self.rehome.show(ANN)
            now = time.monotonic()
            if account["phase"] == "frozen":
                frozen_since = frozen_since or now
                self.longest = max(self.longest, now - frozen_since)
            else:
                frozen_since = None
            if account["phase"] == "settled" and account["home"] == wanted:
                self.longest = max(self.longest, account["freeze_ms"] / 1000)
                self.home = wanted
                return
            assert now < end, account
            time.sleep(0.05)

    def restart(self, name, start):
        """Puts a program in the place of the one that died (or did not)."""
        child = self.scratch.children.get(name)
        died = child is not None and child.poll() == -signal.SIGKILL
        if not died:
            self.scratch.stop(name)
        start()
        return died

    def finish(self):
        self.sender.finish()
        try:
            wait_for(lambda: not self.site.postfix.waiting(), 40,
                     "the queue to run empty", 0.2)
        except TimeoutError:
            print("# %s" % self.site.postfix.queue(), flush=True)
            raise
        here, there = self.site.old, self.site.new
        if self.home == "destination":
            here, there = there, here
        ledger = Ledger(self.accepted, [])
        ledger.balance(here, there, [ANN])
        for line in ledger.lines():
            print("# " + line, flush=True)
        print("# longest freeze seen: %d ms" % (self.longest * 1000))
        assert not self.accepted.refused, self.accepted.refused[:5]
        assert not ledger.lost, ledger.lost[:5]
        assert not ledger.twice, ledger.twice[:5]
        assert not ledger.old_only, ledger.old_only[:5]
        # a second for the restart and for our look at it
        assert self.longest * 1000 <= BUDGET_MS + LEASE_MS + 1000


def policyd_dies(crash, step):
    """Returns how many steps there were."""
    environment = crash.preload(step, "durable")
    crash.scratch.stop("policyd")
    crash.rehome.start_policyd_unwatched(environment)
    policyd = crash.scratch.children["policyd"]
    wait_for(lambda: policyd.poll() is not None or crash.rehome.answers(),
             20, "policyd to answer or to die")
    crash.order()
    if step > 0:
        wait_for(lambda: policyd.poll() is not None, 30,
                 "policyd to die at step %d" % step)
        assert policyd.poll() == -signal.SIGKILL, policyd.poll()
        crash.restart("policyd", crash.rehome.start_policyd)
        crash.ordered()
    crash.settle()
    return crash.steps()


def policyd_at_every_durable_step():
    with Scratch() as scratch:
        crash = Crash(scratch)
        crash.rehome.start_copier()
        found = min(policyd_dies(crash, 0), policyd_dies(crash, 0))
        print("# policyd: %d durable steps in a move" % found, flush=True)
        assert found >= 10, "only %d steps were found" % found
        for step in range(1, found + 1):
            policyd_dies(crash, step)
        scratch.stop("policyd")
        crash.rehome.start_policyd()
        crash.finish()


def policyd_whose_disk_fails():
    """What cannot be made durable is never told as done; policyd ends, so
    that the service manager starts it anew, and that heals it."""
    with Scratch() as scratch:
        crash = Crash(scratch)
        scratch.stop("policyd")
        never = 1 << 40
        crash.rehome.start_policyd_unwatched(crash.preload(never, "disk"))
        wait_for(crash.rehome.answers, 20, "policyd to answer")
        policyd = scratch.children["policyd"]
        crash.jump(never)
        assert not crash.order()
        wait_for(lambda: policyd.poll() is not None, 20, "policyd to end")
        assert policyd.poll() == 75, policyd.poll()
        crash.restart("policyd", crash.rehome.start_policyd)
        crash.rehome.start_copier()
        crash.ordered()
        crash.settle()
        crash.finish()


def copier_dies(crash, step, kind):
    environment = crash.preload(step, kind)
    assert crash.order()
    crash.rehome.start_copier("--batch", env=environment)
    batch = crash.scratch.children["copier"]
    wait_for(lambda: batch.poll() is not None, 60, "the batch to end")
    crash.rehome.start_copier()
    crash.settle()
    crash.scratch.stop("copier")
    return crash.steps()


def copier_at_every_durable_step():
    with Scratch() as scratch:
        crash = Crash(scratch)
        found = min(copier_dies(crash, 0, "durable"),
                    copier_dies(crash, 0, "durable"))
        print("# copier: %d durable steps in a move" % found, flush=True)
        assert found >= 5, "only %d steps were found" % found
        for step in range(1, found + 1):
            copier_dies(crash, step, "durable")
        crash.finish()


def copier_between_its_words_to_the_servers():
    with Scratch() as scratch:
        crash = Crash(scratch)
        found = min(copier_dies(crash, 0, "socket"),
                    copier_dies(crash, 0, "socket"))
        print("# copier: %d socket steps in a move" % found, flush=True)
        assert found >= 40, "only %d steps were found" % found
        for step in range(1, found + 1, max(1, found // 30)):
            copier_dies(crash, step, "socket")
        crash.finish()


def milter_at_every_answer():
    with Scratch() as scratch:
        crash = Crash(scratch)
        crash.rehome.start_copier()
        for step in range(1, 13):
            scratch.stop("milter", signal.SIGKILL)
            # It may be dead before anybody could see that it answers.
            crash.rehome.start_milter_unwatched(
                crash.preload(step, "socket"))
            assert crash.order()
            milter = scratch.children["milter"]
            wait_for(lambda: milter.poll() is not None, 30,
                     "the milter to die at step %d" % step)
            assert milter.poll() == -signal.SIGKILL, milter.poll()
            crash.rehome.start_milter()
            crash.settle()
        crash.finish()


def smtpd_during_the_move():
    with Scratch() as scratch:
        crash = Crash(scratch)
        crash.rehome.start_copier()
        others = [SmtpSender(crash.accepted, [ANN], {ANN: ANN},
                             crash.site.postfix.smtp, pause=0.01)
                  for _ in range(3)]
        for sender in others:
            sender.start()
        killed = 0
        for _ in range(10):
            assert crash.order()
            end = time.monotonic() + 60
            while crash.rehome.show(ANN)["phase"] != "settled":
                assert time.monotonic() < end
                killed += crash.site.postfix.kill("smtpd")
                time.sleep(0.05)
            crash.settle()
        for sender in others:
            sender.finish()
        print("# %d smtpd killed" % killed, flush=True)
        assert killed >= 8, "only %d were killed" % killed
        crash.finish()


if __name__ == "__main__":
    tap.main([policyd_at_every_durable_step, policyd_whose_disk_fails,
              copier_at_every_durable_step,
              copier_between_its_words_to_the_servers, milter_at_every_answer,
              smtpd_during_the_move])
