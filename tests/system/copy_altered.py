# SPDX-License-Identifier: BSD-2-Clause
"""Messages that a destination acknowledges and stores otherwise than they were
sent: found by reading back, remembered, kept where that is wanted, with both
digests told; in copies, in moves, among stragglers, and after each crash."""

import hashlib
import itertools
import json
import os
import pwd
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from copying import COPIER, Copy, url  # noqa: E402
from courier import Courier  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Framed  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, run  # noqa: E402
from wire import Wire  # noqa: E402

LAB = Scratch()
SERVERS = {}
NUMBERS = itertools.count()
DATE = b" 5-May-2015 10:00:00 +0000"
NUL = b"Subject: nul\r\nMessage-ID: <nul@example.org>\r\n\r\none\0two\r\n"
UMLAUT = b"Subject: \xfcmlaut\r\nMessage-ID: <u@example.org>\r\n\r\nthree\r\n"
PLAIN = b"Subject: plain\r\n\r\nas it is\r\n"
KILL_AT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                       "crash", "kill_at.c")


def digest(text):
    return hashlib.sha256(text).hexdigest()


def server(name, users=12):
    """An old Courier, which hands out what is in its files, a new Dovecot, and
    a Cyrus that munges what is 8-bit."""
    if name not in SERVERS:
        made = Cyrus(LAB, name) if name == "cyrus" else Courier(
            LAB, name) if name == "old" else Dovecot(
            LAB, name, doveadm=True)
        addresses = ["u%d@example.org" % number for number in range(users)]
        if name == "cyrus":
            made.start()
            made.add_users(*addresses)
        else:
            for address in addresses:
                made.add_user(address)
            made.start()
        SERVERS[name] = made
    return SERVERS[name]


def texts(port, user, folder=b"INBOX"):
    """{uid: octets}"""
    with Wire(port, user, PASSWORD) as session:
        session.select(folder)
        return {int(item[b"UID"]): item[b"BODY[]"]
                for item in session.fetch(b"(UID BODY.PEEK[])")}


def put(place, user, text, folder="", date=1430820000):
    """A message as it is: by APPEND this server would alter it."""
    owner = pwd.getpwnam("nobody")
    path = os.path.join(place.maildir(user), folder, "cur",
                        "1430820000.M%03d.lab:2,S" % next(NUMBERS))
    with open(path, "wb") as out:
        out.write(text.replace(b"\r\n", b"\n"))
    os.utime(path, (date, date))
    os.chown(path, owner.pw_uid, owner.pw_gid)
    with Wire(place.imap, user, PASSWORD) as session:
        session.select(b"INBOX")  # gives it a UID


class Counting(Framed):
    """Counts what the copier asks a server for."""

    def __init__(self, to):
        self.counts = {}
        super().__init__(to)

    def command(self, link, tag, name, line):
        words = line.upper().split()
        if name == b"UID":
            name += b" " + words[2]
        self.counts[name] = self.counts.get(name, 0) + 1


class Case(Copy):
    """A user of his own at both servers, with what is altered there."""

    users = 0

    def __init__(self, odd, to="new"):
        Case.users += 1
        self.source, self.place = server("old"), server(to)
        super().__init__(LAB, "altered", self.source.imap, self.place.imap,
                         "u%d@example.org" % Case.users)
        self.odd = odd
        with self.wire() as session:
            session.append(b"INBOX", PLAIN, (b"\\Seen",), DATE)
        put(self.source, self.user, odd)
        with self.wire() as session:
            session.append(b"INBOX", PLAIN.replace(b"plain", b"last"),
                           (b"\\Seen",), DATE)

    def wire(self):
        return Wire(self.source.imap, self.user, PASSWORD)

    def there(self):
        return list(texts(self.place.imap, self.user).values())

    def certificate(self):
        return os.path.join(self.state, "certificate")

    def verify(self, *options):
        """Exit code, differences, and the end of the report."""
        done = subprocess.run(
            [COPIER, "verify", url(self.old, self.user),
             url(self.new, self.user), "--source-password-file", self.secret,
             "--destination-password-file", self.secret, "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events, done.stderr
        return done.returncode, events[:-1], events[-1]


def is_tried_once(to, odd, words):
    """Neither fetched nor stored a second time, until somebody asks."""
    case = Case(odd, to)
    with Counting(case.old) as old, Counting(case.new) as new:
        ports = {"old": old.port, "new": new.port}
        case.run(codes=(65,), **ports)
        assert words in case.refused()["INBOX", 2], case.report
        assert len(case.there()) == 2
        for turn in range(2):
            old.counts.clear(), new.counts.clear()
            case.run(codes=(65,), **ports)
            assert words in case.refused()["INBOX", 2], case.report
            assert case.report["copied"] == 0, case.report
            assert b"APPEND" not in new.counts, (turn, new.counts)
            assert b"UID EXPUNGE" not in new.counts, (turn, new.counts)
            assert len(case.there()) == 2
        # its flags may change: it is the same message
        case.run("--retry-altered", codes=(65,), **ports)
        assert new.counts.get(b"APPEND") == 1, new.counts
        assert len(case.there()) == 2
        # what is gone at the source is no trouble any more
        with case.wire() as session:
            session.select(b"INBOX")
            session.command(b"UID STORE", b"2", b"+FLAGS (\\Deleted)")
            session.command(b"UID EXPUNGE", b"2")
        case.run(**ports)


def a_nul_is_tried_once_at_dovecot():
    is_tried_once("new", NUL, "NUL octets")


def an_umlaut_is_tried_once_at_cyrus():
    is_tried_once("cyrus", UMLAUT, "octets beyond ASCII")


def is_kept(to, odd):
    """--keep-altered: as the server has it, once, with both digests told."""
    case = Case(odd, to)
    case.run(codes=(65,))
    for turn in range(2):
        report = case.run("--keep-altered", "--certificate",
                          case.certificate())
        assert report["complete"] and not report["refused"], report
        assert report["copied"] == (1 if turn == 0 else 0), report
        there = texts(case.place.imap, case.user)
        assert len(there) == 3, there
        kept = report["altered"]
        assert len(kept) == 1 and kept[0]["uid"] == 2, report
        assert kept[0]["sha256"] == digest(odd)
        assert kept[0]["stored_sha256"] == digest(there[kept[0]["other"]])
        assert kept[0]["sha256"] != kept[0]["stored_sha256"]
    code, differences, end = case.verify()
    assert code == 65 and end["missing"] == end["extra"] == 1, end
    code, differences, end = case.verify("--certificate", case.certificate())
    assert code == 0 and end["equal"] and end["altered"] == 1, end
    assert [(item["kind"], item["uid"], item["sha256"],
             item["stored_sha256"]) for item in differences] == [
        ("altered", 2, digest(odd), kept[0]["stored_sha256"])], differences
    check = run([COPIER, "certificate", case.certificate(), "--check",
                 "--full", "--url", url(case.new, case.user),
                 "--password-file", case.secret])
    assert "3 in place" in check, check
    told = run([COPIER, "certificate", case.certificate(), "--full"])
    assert digest(odd) in told and kept[0]["stored_sha256"] in told, told
    # without the option it is refused again, and taken out
    case.run(codes=(65,))
    assert len(case.there()) == 2


def a_nul_is_kept_at_dovecot():
    is_kept("new", NUL)


def an_umlaut_is_kept_at_cyrus():
    is_kept("cyrus", UMLAUT)


def dates_that_are_altered_are_noted():
    """With both dates; and what is kept as it is, is not."""
    case = Case(PLAIN.replace(b"plain", b"odd"))
    for year, seconds in ((1965, -150000000), (2045, 2380000000)):
        put(case.source, case.user, b"Subject: %d\r\n\r\nx\r\n" % year,
            date=seconds)

    def dates(port):
        with Wire(port, case.user, PASSWORD) as session:
            session.select(b"INBOX")
            return [item[b"INTERNALDATE"] for item in
                    session.fetch(b"(UID INTERNALDATE)")]
    case.run()
    before, after = dates(case.source.imap), dates(case.place.imap)
    changed = {number for number, (old, new) in enumerate(
        zip(before, after), 1) if old != new}
    print("# %r became %r" % (before, after))
    notes = [event for event in map(json.loads, case.told.splitlines())
             if event.get("event") == "note" and event["kind"] == "date"]
    told = {int(note["words"].split()[1]) for note in notes}
    assert changed and told == changed, (case.said, changed, notes, before, after)
    for note in notes:
        number = int(note["words"].split()[1]) - 1
        assert after[number].decode() in note["words"], note
    case.run()
    assert "\"kind\":\"date\"" not in case.told


class Site:
    """An account of an old Courier that moves to a new Dovecot or Cyrus."""

    ANN = "ann@example.org"

    def __init__(self, lab, odd, new=None):
        self.old, self.new = OldCourier(lab, "old"), new or NewDovecot(
            lab, "new", doveadm=True)
        self.rehome = Rehome(lab, tap.build_directory(),
                             (self.old, self.new), settle="1s")
        for system in (self.old, self.new):
            if not isinstance(system, Cyrus):
                system.add_user(self.ANN)
            system.start()
        self.append(PLAIN)
        put(self.old, self.ANN, odd)
        self.append(PLAIN.replace(b"plain", b"last"))
        self.rehome.start_policyd()
        self.rehome.ctl("add", self.ANN, "--source", "old", "--destination",
                        "new")

    def append(self, text, folder=b"INBOX"):
        with Wire(self.old.imap, self.ANN, PASSWORD) as session:
            session.append(folder, text, (b"\\Seen",), DATE)

    def go(self, *orders):
        """Orders to rehome, and one run of the copier; the account then."""
        for order in orders:
            self.rehome.ctl(*order.split(), self.ANN)
        self.rehome.batch(seconds=60)
        return self.rehome.show(self.ANN)

    def refused(self):
        return json.loads(self.rehome.ctl("--json", "refused",
                                          self.ANN).stdout)

    def look(self, command):
        return run([COPIER, command, self.ANN, "-c", self.rehome.config])

    def there(self, folder=b"INBOX"):
        return texts(self.new.imap, self.ANN, folder)


def section(system):
    """Without a master user: passwords in a file."""
    secret = system.scratch.file(
        system.name, "passwords", text="%s:%s\n" % (Site.ANN, PASSWORD),
        mode=0o600)
    return """
system "%s" {
    imap = "imap://127.0.0.1:%d"
    deliver = "smtp:[127.0.0.1]:25"
    passwords = "%s"
    %s
}
""" % (system.name, system.imap, secret, system.more)


class OldCourier(Courier):
    more = ""
    system_section = section


class NewDovecot(Dovecot):
    """Without hooks: one may look before the flip."""

    def system_section(self):
        return "\n".join(line for line in super().system_section().splitlines()
                         if not re.match(r"\s*(un)?lock|\s*provision", line))


def moves_when_it_is_approved():
    """Read back once, not touched by later rounds, kept when approved; and not
    asked about again by a move that follows a return."""
    with Scratch("rehome-altered") as lab:
        site = Site(lab, NUL)
        account = site.go("move")
        assert account["home"] == "source", account
        item, = site.refused()
        assert item["kind"] == "altered" and item["state"] == "open", item
        first = site.there()
        assert len(first) == 3 and item["sha256"] == digest(NUL), item
        with Wire(site.old.imap, site.ANN, PASSWORD) as session:
            session.select(b"INBOX")
            session.command(b"UID STORE", b"1", b"+FLAGS (\\Flagged)")
        assert site.go()["home"] == "source"
        assert site.there() == first  # by their UIDs, too
        account = site.go("approve --all --reason is-as-good")
        assert account["home"] == "destination", site.refused()
        assert account["phase"] == "settled", account
        assert site.there() == first
        said = site.look("certificate")
        assert digest(NUL) in said and item["stored_sha256"] in said, said
        assert "is-as-good" in said, said
        said = site.look("verify")
        assert "1 altered" in said and digest(NUL) in said, said
        # and back, and there again
        account = site.go("return")
        assert account["home"] == "source", (account, site.refused())
        assert NUL in texts(site.old.imap, site.ANN).values()
        account = site.go("move")
        assert account["home"] == "destination", site.refused()
        assert site.there() == first
        item, = site.refused()
        assert item["state"] == "approved" and item["reason"] == \
            "is-as-good", item


def tries_once_more_when_asked():
    with Scratch("rehome-altered") as lab:
        site = Site(lab, NUL)
        site.go("move")
        first = site.there()
        site.go("retry --all --reason its-configuration-was-mended")
        second = site.there()
        assert len(second) == 3 and set(second) != set(first), second
        item, = site.refused()
        assert item["state"] == "open", item
        assert site.go("approve --all --reason no")["home"] == "destination"
        assert site.there() == second


def stragglers_are_read_back():
    """What is altered of them stays: it is told, and waits for approval."""
    with Scratch("rehome-altered") as lab:
        site = Site(lab, PLAIN.replace(b"plain", b"odd"))
        assert site.go("move")["phase"] == "settled"
        put(site.old, site.ANN, NUL)
        account = site.go("return")
        assert account["home"] == "destination", account
        item, = site.refused()
        assert item["kind"] == "altered" and item["uid"] == 4, item
        there = site.there()
        assert len(there) == 4, there
        site.go()
        assert site.there() == there
        account = site.go("approve --all --reason it-came-late")
        assert account["home"] == "source", site.refused()
        assert site.there() == there
        assert len(texts(site.old.imap, site.ANN)) == 4


def stragglers_in_new_folders_follow_the_folder_map():
    with Scratch("rehome-altered") as lab:
        OldCourier.more = 'folders = "%s"' % lab.file(
            "map", text="Late/* -> Archive/*\nexclude Junk\n")
        site = Site(lab, PLAIN.replace(b"plain", b"odd"))
        OldCourier.more = ""
        assert site.go("move")["phase"] == "settled"
        with Wire(site.old.imap, site.ANN, PASSWORD) as session:
            for name in (b"INBOX.Late.2019", b"INBOX.Junk"):
                session.command(b"CREATE", b'"%s"' % name)
        for name in (b"INBOX.Late.2019", b"INBOX.Junk"):
            site.append(PLAIN.replace(b"plain", b"late"), name)
        account = site.go("return")
        assert account["home"] == "source", (account, site.refused())
        with Wire(site.new.imap, site.ANN, PASSWORD) as session:
            names = {row[2] for row in session.folders()}
        assert b"Archive/2019" in names, names
        assert not names & {b"Late/2019", b"Late", b"Junk"}, names
        assert len(site.there(b"Archive/2019")) == 1


TESTS = [a_nul_is_tried_once_at_dovecot, an_umlaut_is_tried_once_at_cyrus,
         a_nul_is_kept_at_dovecot, an_umlaut_is_kept_at_cyrus,
         dates_that_are_altered_are_noted, moves_when_it_is_approved, tries_once_more_when_asked,
         stragglers_are_read_back,
         stragglers_in_new_folders_follow_the_folder_map]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
