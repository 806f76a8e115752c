# SPDX-License-Identifier: BSD-2-Clause
"""The account of all mail: what was accepted, where it is, how often."""

import collections
import imaplib
import re

from dovecot import MASTER, MASTER_PASSWORD

FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
LEDGER = re.compile(rb"X-Ledger: (\S+)", re.IGNORECASE)
NAME = re.compile(rb'\(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (.*)$')


def master_session(home, address):
    session = imaplib.IMAP4("127.0.0.1", home.imap, timeout=60)
    secret = "%s\0%s\0%s" % (address, MASTER, MASTER_PASSWORD)
    session.authenticate("PLAIN", lambda _: secret.encode())
    return session


def folders(session):
    """Selectable folders, as quoted as the server sent them."""
    names = []
    for line in session.list()[1]:
        if isinstance(line, tuple):  # a name sent as a literal
            attributes = NAME.match(line[0] + b'""')
            name = b'"' + line[1].replace(b"\\", b"\\\\").replace(
                b'"', b'\\"') + b'"'
        elif line:
            attributes = NAME.match(line)
            name = attributes.group(2)
        else:
            continue
        if b"\\noselect" not in attributes.group(1).lower():
            names.append(name.decode("latin-1"))
    return names


Copy = collections.namedtuple("Copy", "folder uid flags size")


def inventory(home, address):
    """number -> list of Copy, and the count of messages without a number."""
    session = master_session(home, address)
    found = collections.defaultdict(list)
    unnumbered = 0
    for folder in folders(session):
        answer, detail = session.select(folder, readonly=True)
        if answer != "OK":
            raise RuntimeError("%s: %s" % (folder, detail))
        if int(detail[0]) == 0:
            continue
        answer, items = session.uid(
            "FETCH", "1:*",
            "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-Ledger)])")
        if answer != "OK":
            raise RuntimeError("%s: FETCH: %s" % (folder, items))
        for item in items:
            if not isinstance(item, tuple):
                continue
            number = LEDGER.search(item[1])
            if not number:
                unnumbered += 1
                continue
            uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
            size = int(re.search(rb"RFC822.SIZE (\d+)", item[0]).group(1))
            flags = set(FLAGS.search(item[0]).group(1).decode().split())
            found[number.group(1).decode()].append(
                Copy(folder.strip('"'), uid, flags - {"\\Recent"}, size))
    session.logout()
    return found, unnumbered


class Ledger:
    """Balances what was accepted against what stands in the mailboxes."""

    def __init__(self, accepted, readers):
        self.accepted = accepted
        self.readers = {reader.address: reader for reader in readers}
        self.at_home = 0
        self.lost = []
        self.twice = []
        self.repeats = []
        self.old_only = []
        self.misplaced = []

    def balance(self, home, other, addresses):
        """Reads every account at its home and at the other system."""
        for address in addresses:
            here, _ = inventory(home, address)
            there, _ = inventory(other, address)
            self._count(address, here, there)
            if address in self.readers:
                self._check_reader(self.readers[address], here)

    def _count(self, address, here, there):
        reader = self.readers.get(address)
        due = {number for number, accounts in self.accepted.messages.items()
               if address in accounts}
        if reader:
            due |= reader.drafts
        for number in sorted(due):
            copies = len(here.get(number, ()))
            if copies:
                self.at_home += 1
            elif number in there:
                self.old_only.append((address, number))
            else:
                self.lost.append((address, number))
        unanswered = self.accepted.unanswered | (
            reader.unanswered if reader else set())
        for number, copies in here.items():
            if len(copies) == 1:
                continue
            if number in unanswered:
                self.repeats.append((address, number))
            else:
                self.twice.append((address, number, copies))

    def _check_reader(self, reader, here):
        """Every acknowledged flag and filing is where the user put it."""
        certain = (reader.flagged | reader.filed) - reader.doubtful
        for number in sorted(certain):
            for copy in here.get(number, ()):
                if number in reader.flagged and "\\Flagged" not in copy.flags:
                    self.misplaced.append((reader.address, number, "flag"))
                if number in reader.filed and copy.folder != "Filed":
                    self.misplaced.append((reader.address, number, "folder"))

    def holds(self):
        return not (self.lost or self.twice or self.old_only
                    or self.misplaced or self.accepted.refused)

    def lines(self, parked=0):
        rows = [("accepted with 250", len(self.accepted.messages)),
                ("at the account's home", self.at_home),
                ("on the old side only", len(self.old_only)),
                ("lost", len(self.lost)),
                ("twice", len(self.twice)),
                ("repeated after an unanswered command", len(self.repeats)),
                ("deferred, accepted later", self.accepted.deferred),
                ("parked in the queue, delivered later", parked),
                ("refused for good", len(self.accepted.refused)),
                ("flags or filings in the wrong place",
                 len(self.misplaced))]
        return ["%7d  %s" % (count, what) for what, count in rows]
