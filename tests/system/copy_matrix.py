# SPDX-License-Identifier: BSD-2-Clause
"""The awkward account from each kind of source to each kind of destination:
copied, copied again, changed and copied again. A reader that shares no code
with rehome compares. What a destination cannot hold must be in the report, and
nothing else may differ."""

import json
import os
import pwd
import re
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import awkward  # noqa: E402
import tap  # noqa: E402
from checker import encode_utf7, folder_differences, read_account  # noqa: E402
from copying import Copy  # noqa: E402
from courier import Courier  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from scratch import Scratch  # noqa: E402
from wire import Wire, quoted  # noqa: E402

LAB = Scratch()
SOURCES = ("dovecot", "cyrus", "courier")
DESTINATIONS = ("maildir", "sdbox", "mdbox", "cyrus")
SERVERS = {}

# What no destination of a kind can hold, whatever the copier does: Dovecot
# stores other octets than it was sent, or none; Cyrus refuses.
UNHOLDABLE = {
    "dovecot": ("empty", "nul in the body", "nul in the header", "bare cr",
                "bare lf", "ends in cr"),
    "cyrus": ("empty", "nul in the body", "nul in the header", "bare lf",
              "no colon", "space before colon")}
# Cyrus stores an X for each of their octets beyond ASCII, unless told not to.
UNHOLDABLE["munging"] = UNHOLDABLE["cyrus"] + (
    "8-bit subject", "latin-1 subject", "broken utf-8", "8-bit address")


def account(source):
    return "from-%s@example.org" % source


def server(role, kind):
    """The server, started when it is asked for first; SKIP again each time
    that it cannot be."""
    key = role, kind
    if key not in SERVERS:
        name = "%s-%s" % key
        if kind == "cyrus":
            made = Cyrus(LAB, name, extra="munge8bit: no")
        elif kind == "munging":  # as it is by default
            made = Cyrus(LAB, name)
        elif kind == "courier":
            made = Courier(LAB, name)
        else:
            made = Dovecot(LAB, name, mail_format="maildir"
                           if kind == "dovecot" else kind)
        users = [account(kind)] if role == "old" else map(account, SOURCES)
        if isinstance(made, Cyrus):  # it must run to make mailboxes
            made.start()
            made.add_users(*users)
        else:
            for user in users:
                made.add_user(user)
            made.start()
        SERVERS[key] = made
    return SERVERS[key]


class Source:
    """An account that has been filled; `name` makes a folder's name."""

    def __init__(self, kind):
        self.server = server("old", kind)
        self.address = account(kind)
        self.changed = False
        self.content = None
        files = None
        if hasattr(self.server, "maildir"):
            with self.session():  # makes its INBOX
                files = awkward.Files(self.server.maildir(self.address),
                                      pwd.getpwnam("nobody"))
        awkward.fill(self.server, self.address, files)
        with self.session() as session:
            self.prefix = session.prefix()
            self.separator = session.folders()[0][1]
        assert self.read().count() > 90

    def session(self):
        return Wire(self.server.imap, self.address, PASSWORD)

    def read(self):
        """What it holds; read once for all destinations."""
        if self.content is None:
            self.content = read_account(self.server.imap, self.address,
                                        PASSWORD)
        return self.content

    def name(self, *levels):
        return self.prefix + self.separator.join(map(encode_utf7, levels))

    def text(self, levels):
        """The name as the report writes it."""
        if levels == ("INBOX",):
            return "INBOX"
        return self.name(*levels).decode()

    @staticmethod
    def remove(session, uid):
        session.command(b"UID STORE", b"%d" % uid, b"+FLAGS (\\Deleted)")
        session.command(b"UID EXPUNGE", b"%d" % uid)

    def change(self):
        """What a busy user does, once."""
        if self.changed:
            return
        self.changed = True
        self.content = None
        with self.session() as session:
            self.change_messages(session)
            self.change_folders(session)

    def change_messages(self, session):
        session.select(b"INBOX")
        uids = [int(values[b"UID"]) for values in session.fetch(b"(UID)")]
        for uid, flags in ((uids[0], b"\\Flagged \\Seen newkeyword"),
                           (uids[1], b""), (uids[2], b"\\Deleted")):
            session.command(b"UID STORE", b"%d" % uid, b"FLAGS (%s)" % flags)
        for uid in (uids[3], uids[7]):
            self.remove(session, uid)
        for number in range(2):
            session.append(b"INBOX", awkward.HEAD + b"Subject: late %d\r\n"
                           b"\r\nlate\r\n" % number, (b"\\Seen",),
                           awkward.DATES[number])
        session.select(self.name("Sent"))
        uid = int(session.fetch(b"(UID)")[0][b"UID"])
        session.command(b"UID COPY", b"%d" % uid,
                        quoted(self.name("with space")))
        self.remove(session, uid)
        session.select(b"INBOX")

    def change_folders(self, session):
        for before, after in ((("dates",), ("other dates",)),
                              (("a", "b", "c", "d"), ("a", "e"))):
            session.command(b"RENAME", quoted(self.name(*before)),
                            quoted(self.name(*after)))
        session.command(b"DELETE", quoted(self.name("case")))
        session.command(b"DELETE", quoted(self.name("twins")))
        session.command(b"CREATE", quoted(self.name("twins")))
        for _ in range(2):
            session.append(self.name("twins"), awkward.BODIES["plain"],
                           (b"\\Seen",), awkward.DATES[4])
        session.command(b"CREATE", quoted(self.name("New", "inner")))
        session.append(self.name("New", "inner"), awkward.BODIES["tiny"])
        session.command(b"UNSUBSCRIBE", quoted(self.name("Sent")))
        session.command(b"SUBSCRIBE", quoted(self.name("CASE")))


class Pair(Copy):
    """A source and a destination, and what a copy between them has said."""

    def __init__(self, source, kind):
        self.source = source
        self.kind = kind
        self.place = server("new", kind)
        self.names = {}
        self.parents = set()
        super().__init__(LAB, kind, source.server.imap, self.place.imap,
                         source.address)

    def copy(self, *options):
        """65 when something is refused, and only then."""
        report = self.run(*options, codes=(0, 65))
        assert report["complete"] == (self.code == 0), report
        return report

    def read(self):
        return read_account(self.new, self.user, PASSWORD)

    def told_names(self):
        """{name at the source: at the destination}, as the reports of all runs
        tell them; a control character is a question mark there."""
        for line in self.told.splitlines():
            event = json.loads(line)
            if event.get("event") == "note" and event["kind"] == "name":
                self.names[event["folder"]] = event["destination"]
        return self.names

    def other_names(self, old, new):
        """{name at the source: name at the destination} where they differ. It
        is known by what is in it; the report must say the same."""
        left = {name: Counter(message.digest for message in folder.messages)
                for name, folder in new.folders.items()
                if name not in old.folders}
        found, told = {}, self.told_names()
        for name in set(old.folders) - set(new.folders):
            wanted = Counter(message.digest
                             for message in old.folders[name].messages)
            like = [other for other in left if left[other] == wanted]
            assert like, "folder %r is nowhere: %r" % (name, told)
            found[name] = like[0]
            del left[like[0]]
            shown = re.sub("[\x00-\x1f]", "?", "/".join(name))
            assert told.get(shown) == "/".join(like[0]), (
                "%r has become %r and the report does not say so: %r" % (
                    name, like[0], told))
        # Some servers make a real folder of a parent, and keep it.
        self.parents |= {name[:depth] for name in old.folders
                         for depth in range(1, len(name))}
        for name in left:
            assert name in self.parents and not left[name], (
                "folder %r is too many" % (name,))
        return found

    def check(self):
        """Nothing but what is refused differs, and that does."""
        old, new = self.source.read(), self.read()
        names = self.other_names(old, new)
        refused = self.refused()
        for name, folder in old.folders.items():
            self.check_folder(name, folder, new.folders[names.get(name, name)],
                              refused)
        # Some servers take no subscription of a folder that is not there.
        wanted = {names.get(name, name): name for name in old.subscribed}
        assert new.subscribed <= set(wanted), (
            "subscribed", new.subscribed - set(wanted))
        for name in set(wanted) - new.subscribed:
            assert wanted[name] not in old.folders, ("unsubscribed", name)
        return old, new

    def check_folder(self, name, old, new, refused):
        before, after = old.bag(), new.bag()
        missing, extra = before - after, after - before
        told = [message for message in old.messages
                if (self.source.text(name), message.uid) in refused]
        assert Counter(message.key() for message in told) == missing, (
            name, folder_differences(name, old, new, False), refused)
        holdable = self.holdable()
        for message in told:
            assert message.digest not in holdable, (
                name, message.uid, message.head, "is refused without need")
        # stored, but not as it was sent: said, and what is there has its like
        for _, instant, flags in extra.elements():
            assert any(message.instant == instant and message.flags == flags
                       for message in told), (name, extra, refused)
        assert len(new.messages) <= len(old.messages), name

    def holdable(self):
        """The digests of what must not be refused."""
        names = set(awkward.BODIES) - set(
            UNHOLDABLE.get(self.kind, UNHOLDABLE["dovecot"]))
        return {awkward.digest(awkward.BODIES[name]) for name in names} | {
            awkward.digest(body) for _, body, _, _ in awkward.messages()
            if body not in awkward.BODIES.values()}


FILLED = {}
PAIRS = {}


def pair(source, destination):
    """The pair, copied once."""
    if source not in FILLED:
        FILLED[source] = Source(source)
    key = source, destination
    if key not in PAIRS:
        made = Pair(FILLED[source], destination)
        made.copy()
        PAIRS[key] = made
    return PAIRS[key]


def copies(source, destination):
    """The first copy is right, and the second one does nothing."""
    both = pair(source, destination)
    both.check()
    count = both.report["copied"]
    report = both.copy()
    assert count > 80 and report["copied"] == 0, report
    assert report["adopted"] == report["flags"] == report["removed"] == 0, \
        report
    both.check()


def follows(source, destination):
    """What has changed since is carried over, and nothing else."""
    both = pair(source, destination)
    both.source.change()
    report = both.copy("--make-equal")
    assert 0 < report["copied"] < 30, report
    both.check()
    report = both.copy("--make-equal")
    assert report["copied"] == report["removed"] == report["flags"] == 0, \
        report
    both.check()


def goes_on_without_a_journal(source, destination):
    """Everything is found again by its digest; nothing is copied twice."""
    both = pair(source, destination)
    for name in os.listdir(both.state):
        os.unlink(os.path.join(both.state, name))
    report = both.copy()
    assert report["copied"] == 0, report
    both.check()


def test(step, source, destination):
    def run():
        step(source, destination)
    run.__name__ = "%s_%s_to_%s" % (step.__name__, source, destination)
    return run


TESTS = [test(step, source, destination)
         for source in SOURCES
         for step in (copies, follows, goes_on_without_a_journal)
         for destination in DESTINATIONS
         if step is not goes_on_without_a_journal
         or destination in ("maildir", "cyrus")]
TESTS.append(test(copies, "courier", "munging"))

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
