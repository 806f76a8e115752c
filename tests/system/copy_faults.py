# SPDX-License-Identifier: BSD-2-Clause
"""Faults between the copier and its servers: cut, stalled, garbled, refused,
never acknowledged, restarted, full. Each run ends right or says what is
missing, and the next run without the fault ends right: no message lost, none
twice, foreign ones untouched."""

import functools
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import read_account  # noqa: E402
from copying import Copy  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import (DOWN, UP, Cut, Garbage, Goodbye, Proxy,  # noqa: E402
                     Refusing, Renumbering, Stall, Swallowing)
from scratch import Scratch, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

LAB = Scratch()
HOME = "home@example.org"
PLACES = 150
FOLDERS = (b"INBOX", b"Sent", b"a/b", b"Empty")
FOREIGN = b"Subject: foreign\r\n\r\nsomebody else's\r\n"
QUOTA = """
protocol imap {
  mail_plugins = quota
}
plugin {
  quota = count:User
  quota_rule = *:storage=30K
  quota_vsizes = yes
}
"""


class Bench:
    """An account of 40 messages, and as many empty ones as there are cases."""

    made = None

    def __init__(self):
        self.old = Dovecot(LAB, "old")
        self.new = Dovecot(LAB, "new")
        self.full = Dovecot(LAB, "full", extra=QUOTA)
        self.old.add_user(HOME)
        for server in (self.new, self.full):
            for number in range(PLACES):
                server.add_user("new%d@example.org" % number)
        for server in (self.old, self.new, self.full):
            server.start()
        self.cases = 0
        self.lock = threading.Lock()
        with Wire(self.old.imap, HOME, PASSWORD) as session:
            for name in FOLDERS[1:]:
                session.command(b"CREATE", b'"%s"' % name)
            session.command(b"SUBSCRIBE", b"Sent")
            for number in range(40):
                session.append(
                    FOLDERS[number % 3], b"Subject: %d\r\n\r\n%s\r\n" % (
                        number // 2 * 2 if number % 10 == 0 else number,
                        b"some text\r\n" * (number * 9)),
                    ((b"\\Seen",), (), (b"\\Flagged", b"word"))[number % 3],
                    b" 5-May-2015 10:00:%02d +0000" % number)
            for _ in range(2):  # these are the same
                session.append(b"Sent", b"Subject: twin\r\n\r\nx\r\n", (),
                               b" 5-May-2015 11:00:00 +0000")
        self.home = read_account(self.old.imap, HOME, PASSWORD)

    @classmethod
    def get(cls):
        if cls.made is None:
            cls.made = cls()
        return cls.made


class Case(Copy):
    """One empty account, with what is foreign there, and a copy into it."""

    def __init__(self, server=None):
        self.bench = Bench.get()
        self.server = server or self.bench.new
        with self.bench.lock:
            self.bench.cases += 1
            number = self.bench.cases
        super().__init__(LAB, "case", self.bench.old.imap, self.server.imap,
                         HOME, "new%d@example.org" % number)
        self.foreign = Counter()
        if self.server is not self.bench.full:
            with Wire(self.server.imap, self.new_user, PASSWORD) as session:
                session.append(b"INBOX", FOREIGN, (b"\\Answered",),
                               b" 1-Jan-2001 00:00:00 +0000")
            self.foreign = self.read().folders[("INBOX",)].bag()

    def read(self):
        return read_account(self.server.imap, self.new_user, PASSWORD)

    def state_of_things(self):
        """(missing, too many): what the other side lacks, and what it should
        not have."""
        account = self.read()
        missing, extra = Counter(), Counter()
        for name, folder in account.folders.items():
            there = folder.bag()
            want = Counter()
            if name in self.bench.home.folders:
                want += self.bench.home.folders[name].bag()
            if name == ("INBOX",):
                assert not self.foreign - there, "a foreign message is gone"
                want += self.foreign
            missing += want - there
            extra += there - want
        for name in set(self.bench.home.folders) - set(account.folders):
            missing += self.bench.home.folders[name].bag()
            missing[name] += 1
        return missing, extra

    def suffers(self, *options, codes=(0, 65, 75), meanwhile=None, **ports):
        """A run with a fault: right, or it says what is missing. `meanwhile`
        is a thread that has ended when the account is looked at."""
        if meanwhile is not None:
            meanwhile.start()
        self.run(*options, codes=codes, **ports)
        if meanwhile is not None:
            meanwhile.join()
        missing, extra = self.state_of_things()
        assert not extra, ("twice, or altered", extra, self.report, self.said)
        if self.code == 0:
            assert not missing, ("said to be complete", missing, self.report)
        else:
            assert self.report.get("error") or self.report.get("refused"), (
                self.code, self.report, self.said)
        return missing

    def recovers(self, **ports):
        """The next one ends right."""
        report = self.run(**ports)
        missing, extra = self.state_of_things()
        assert not missing and not extra, (missing, extra, report)
        assert report["messages"] == self.bench.home.count(), report
        assert report["foreign"] == sum(self.foreign.values()), report
        again = self.run(**ports)
        assert again["copied"] == again["adopted"] == 0, again


@functools.cache
def measure():
    """The octets of an undisturbed copy: {(side, way): number}."""
    bench = Bench.get()
    with Proxy(bench.old.imap) as old, Proxy(bench.new.imap) as new:
        case = Case()
        case.recovers(old=old.port, new=new.port)
        old.passed, new.passed = {UP: 0, DOWN: 0}, {UP: 0, DOWN: 0}
        case = Case()
        case.run(old=old.port, new=new.port)
        return {(side, way): proxy.passed[way]
                for side, proxy in (("old", old), ("new", new))
                for way in (UP, DOWN)}


def points(size, count):
    """Spread over all, closer at the ends, where logins and last words are."""
    step = max(1, size // count)
    return sorted({1, 40, size - 1, size - 30, *range(step, size, step)})


def with_fault(kind, side, way, at):
    """One case with a fault at one octet of one way of one side. Every other
    one goes on without its journal, since it goes on at another port."""
    bench = Bench.get()
    server = getattr(bench, side)
    with kind(server.imap, way, at) as proxy:
        case = Case()
        # 77: what was garbled may have been the login
        case.suffers("--timeout", "1s", codes=(0, 65, 75, 77),
                     **{side: proxy.port})
        happened, proxy.happened = proxy.happened, True
        case.recovers(**({side: proxy.port} if at % 2 else {}))
        return happened


def at_many_points(kind, counts):
    """How often it happened. Some at once: they wait more than they work."""
    def one(place):
        side, way, at = place
        try:
            return with_fault(kind, side, way, at)
        except AssertionError:
            print("# %s at octet %d of %d, %s %s" % (
                kind.__name__, at, measure()[side, way], side, way),
                  flush=True)
            raise
    places = [(side, way, at) for (side, way), size in measure().items()
              for at in points(size, counts[side, way])]
    with ThreadPoolExecutor(4) as workers:
        return sum(workers.map(one, places))


def cut_at_many_points():
    happened = at_many_points(Cut, {
        ("old", UP): 6, ("old", DOWN): 14, ("new", UP): 16, ("new", DOWN): 10})
    print("# %d cuts" % happened)
    assert happened >= 40, happened


def garbled_at_some_points():
    happened = at_many_points(Garbage, {
        ("old", UP): 1, ("old", DOWN): 5, ("new", UP): 3, ("new", DOWN): 4})
    assert happened >= 15, happened


def stalled_at_some_points():
    for side, way, part in (("old", DOWN, 0.02), ("old", DOWN, 0.6),
                            ("new", UP, 0.5), ("new", DOWN, 0.8)):
        size = measure()[side, way] if part != 0.02 else 4000
        began = time.monotonic()
        assert with_fault(Stall, side, way, int(size * part))
        assert time.monotonic() - began < 30


def goodbye_in_place_of_answers():
    for side in ("old", "new"):
        for which in (1, 2, 4, 7):
            server = getattr(Bench.get(), side)
            with Goodbye(server.imap, which) as proxy:
                case = Case()
                case.suffers(**{side: proxy.port})
                assert proxy.happened
                case.recovers(**{side: proxy.port})


def every_kth_append_refused():
    for every in (1, 2, 3):
        with Refusing(Bench.get().new.imap, every) as proxy:
            case = Case()
            missing = case.suffers(new=proxy.port)
            assert proxy.seen >= every
            if case.code != 0:
                assert "OVERQUOTA" in str(case.report), case.report
            assert every > 1 or case.code in (65, 75)
            if case.code == 65:
                told = sum(uid > 0 for _, uid in case.refused())
                assert told == sum(missing.values()), (case.report, missing)
            proxy.every = 10 ** 9
            case.recovers(new=proxy.port)


def an_append_never_acknowledged():
    for which in (1, 2, 3):
        for same in (True, False):  # with its journal, and without
            with Swallowing(Bench.get().new.imap, which) as proxy:
                case = Case()
                case.suffers(new=proxy.port)
                assert proxy.happened
                case.recovers(**({"new": proxy.port} if same else {}))


def a_uidvalidity_that_changes():
    for side in ("old", "new"):
        for after in (1, 4, 8):
            server = getattr(Bench.get(), side)
            with Renumbering(server.imap, after) as proxy:
                case = Case()
                case.suffers(**{side: proxy.port})
                proxy.after = 10 ** 9
                case.recovers(**{side: proxy.port})


def restart(server, proxy):
    """A thread that stops and starts the server when the proxy has cut."""
    def work():
        wait_for(lambda: proxy.happened, 20, "the middle of the copy")
        server.stop()
        server.start()
    return threading.Thread(target=work)


def a_server_restarted_in_the_middle():
    bench = Bench.get()
    for side in ("old", "new"):
        server = getattr(bench, side)
        size = measure()[side, DOWN]
        with Cut(server.imap, DOWN, size // 2) as proxy:
            case = Case()
            case.suffers(meanwhile=restart(server, proxy),
                         **{side: proxy.port})
            case.recovers(**{side: proxy.port})


def a_killed_cyrus_in_the_middle():
    bench = Bench.get()
    cyrus = Cyrus(LAB, "cyrus")
    cyrus.start()
    cyrus.add_users(*("new%d@example.org" % number
                      for number in range(bench.cases, bench.cases + 4)))
    case = Case(cyrus)
    with Cut(cyrus.imap, UP, 9000) as proxy:
        case.suffers(meanwhile=restart(cyrus, proxy), new=proxy.port)
        case.recovers(new=proxy.port)
    cyrus.stop()


def a_full_mailbox():
    bench = Bench.get()
    case = Case(bench.full)
    missing = case.suffers(codes=(65, 75))
    assert missing and "uota" in str(case.report), case.report
    if case.code == 65:
        assert sum(uid > 0 for _, uid in case.refused()) == sum(
            missing.values()), (case.report, missing)
    again = case.suffers(codes=(65, 75))
    assert again == missing, "it changed: %r" % (again - missing)


TESTS = [cut_at_many_points, garbled_at_some_points, stalled_at_some_points,
         goodbye_in_place_of_answers, every_kth_append_refused,
         an_append_never_acknowledged, a_uidvalidity_that_changes,
         a_server_restarted_in_the_middle, a_killed_cyrus_in_the_middle,
         a_full_mailbox]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
