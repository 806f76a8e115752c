# SPDX-License-Identifier: BSD-2-Clause
"""Servers that lack a capability, or all of them: each is taken out of what
both sides offer, and the account is copied, copied again, and followed."""

import os
import re
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from copying import Copy  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Masking  # noqa: E402
from scratch import Scratch  # noqa: E402
from wire import Wire  # noqa: E402

LAB = Scratch()
HOME = "home@example.org"
SPECIAL_USE = """
namespace inbox {
  mailbox Sent {
    special_use = \\Sent
  }
}
"""
CAPABILITIES = (
    b"LITERAL+", b"MULTIAPPEND", b"UIDPLUS", b"CONDSTORE", b"QRESYNC",
    b"LIST-STATUS", b"LIST-EXTENDED", b"NAMESPACE", b"UNSELECT", b"SASL-IR",
    b"ID", b"SPECIAL-USE", b"ENABLE", b"ESEARCH", b"BINARY", b"MOVE")
CASES = [(word,) for word in CAPABILITIES] + [CAPABILITIES]


# What nobody may say to a server that does not offer it.
UNWANTED = {
    b"LITERAL+": rb"\{\d+\+\}\r\n$", b"CONDSTORE": rb"(?i)CHANGEDSINCE",
    b"QRESYNC": rb"(?i)QRESYNC", b"LIST-STATUS": rb"(?i)RETURN.*STATUS",
    b"NAMESPACE": rb"(?i) NAMESPACE",
    b"UNSELECT": rb"(?i) UNSELECT", b"ID": rb"(?i)^\w+ ID ",
    b"SASL-IR": rb"(?i) AUTHENTICATE \S+ \S", b"ENABLE": rb"(?i)^\w+ ENABLE",
    b"ESEARCH": rb"(?i)SEARCH RETURN", b"BINARY": rb"~\{",
    b"MOVE": rb"(?i)^\w+ (UID )?MOVE"}


class Listening(Masking):
    """Remembers the lines that break the rule."""

    def __init__(self, to, *words):
        self.rules = [re.compile(UNWANTED[word]) for word in words
                      if word in UNWANTED]
        self.broken = []
        super().__init__(to, *words)

    def command(self, link, tag, name, line):
        self.broken += [line for rule in self.rules if rule.search(line)]


class Bench:
    """The source is changed in each case, so that each begins with what the
    one before has left."""

    made = None

    def __init__(self):
        self.old = Dovecot(LAB, "old", extra=SPECIAL_USE)
        self.new = Dovecot(LAB, "new", extra=SPECIAL_USE)
        self.old.add_user(HOME)
        for number in range(len(CASES)):
            self.new.add_user("new%d@example.org" % number)
        for server in (self.old, self.new):
            server.start()
        self.turn = 0
        with Wire(self.old.imap, HOME, PASSWORD) as session:
            for name in (b"Sent", b"a/b/c", b"moved"):
                session.command(b"CREATE", name)
                session.command(b"SUBSCRIBE", name)
            for number in range(60):
                session.append(
                    (b"INBOX", b"Sent", b"a/b/c")[number % 3],
                    b"Subject: %d\r\n\r\n%s\r\n" % (number,
                                                    b"x\r\n" * number),
                    ((), (b"\\Seen",), (b"word", b"\\Deleted"))[number % 3],
                    b" 5-May-2015 10:00:%02d +0000" % number)

    @classmethod
    def get(cls):
        if cls.made is None:
            cls.made = cls()
        return cls.made

    def read(self):
        return read_account(self.old.imap, HOME, PASSWORD)

    def change(self):
        """Three new, two other flags, two gone, one moved, one folder renamed;
        returns the digests of those that are no longer where they were."""
        self.turn += 1
        before = self.read().folders[("INBOX",)].messages
        with Wire(self.old.imap, HOME, PASSWORD) as session:
            for number in range(3):
                session.append(b"INBOX", b"Subject: new %d.%d\r\n\r\n\r\n" % (
                    self.turn, number), (b"\\Seen",))
            session.select(b"INBOX")
            uids = [b"%d" % message.uid for message in before]
            session.command(b"UID STORE", uids[3],
                            b"FLAGS (\\Flagged other%d)" % self.turn)
            session.command(b"UID STORE", uids[4], b"FLAGS ()")
            session.command(b"UID COPY", uids[2], b"moved")
            session.command(b"UID STORE", b",".join(uids[:3]),
                            b"+FLAGS (\\Deleted)")
            session.command(b"UID EXPUNGE", b",".join(uids[:3]))
            session.command(b"CREATE", b"made%d" % self.turn)
            session.append(b"made%d" % self.turn, b"Subject: x\r\n\r\n\r\n")
        return Counter(message.digest for message in before[:3])


def masked(words):
    bench = Bench.get()
    with Listening(bench.old.imap, *words) as old, \
            Listening(bench.new.imap, *words) as new:
        copy = Copy(LAB, "masked", old.port, new.port, HOME,
                    "new%d@example.org" % bench.turn)
        report = copy.run()
        home = bench.read()
        check(copy, home)
        assert report["copied"] == report["messages"] == home.count(), report
        report = copy.run()
        assert report["copied"] == report["flags"] == 0, report
        gone = bench.change()
        report = copy.run("--make-equal")
        assert report["copied"] == 5, report
        check(copy, bench.read(), gone if b"UIDPLUS" in words else None)
        report = copy.run("--make-equal")
        assert report["copied"] == report["flags"] == report["removed"] == \
            0, report
        assert not old.broken and not new.broken, (old.broken, new.broken)


def check(copy, home, kept=None):
    """kept: what is gone at home, and stays where nothing can be removed."""
    new = read_account(Bench.get().new.imap, copy.new_user, PASSWORD)
    if kept:
        inbox = new.folders[("INBOX",)]
        there = [message for message in inbox.messages
                 if message.digest in kept]
        assert Counter(message.digest for message in there) == kept
        inbox.messages = [message for message in inbox.messages
                          if message.digest not in kept]
    found = differences(home, new, order=True)
    assert not found, found


def test(words):
    def run():
        masked(words)
    run.__name__ = "without_" + (
        words[0].decode().lower().replace("-", "_").replace("+", "_plus")
        if len(words) == 1 else "any")
    return run


TESTS = [test(words) for words in CASES]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
