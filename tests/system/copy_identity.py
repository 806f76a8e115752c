# SPDX-License-Identifier: BSD-2-Clause
"""What clients keep when an account moves from Dovecot to Dovecot: UIDVALIDITY,
UIDs, HIGHESTMODSEQ, POP3 UIDLs; seen by a QRESYNC client, by mbsync and by a
POP3 client that leaves mail on the server, there and back."""

import os
import poplib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from copying import Copy  # noqa: E402
from courier import Courier  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import DOVEADM_PASSWORD, PASSWORD, Dovecot  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, run  # noqa: E402
from wire import Wire  # noqa: E402

ANN = "ann@example.org"
ITEMS = b"(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"
FOLDERS = (b"INBOX", b"Empty", b"Work/&AOQ-b")
MBSYNC = """
IMAPStore far
Host 127.0.0.1
Port {port}
SSLType None
AuthMechs LOGIN
User {user}
Pass {password}

MaildirStore near
SubFolders Verbatim
Path {directory}/mail/
Inbox {directory}/mail/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync All
SyncState {directory}/
"""
POP3_OLD = "pop3_uidl_format = %v.%u\n"


def text(number, size=0):
    return (b"Subject: message %d\r\n\r\n" % number) + b"x" * size + b"\r\n"


class Session(Wire):
    """Raw lines; folders are plain atoms here."""

    def __init__(self, server, user):
        super().__init__(server.imap, user, PASSWORD)
        self.lines(b"ENABLE QRESYNC")

    def lines(self, command):
        """The untagged lines; the command must succeed."""
        tag = self.send(command)
        found = []
        while True:
            line, _ = self._response()
            line = line.rstrip(b"\r\n")
            if line.startswith(tag + b" "):
                assert line.split()[1] == b"OK", (command, line)
                return found
            found.append(line)

    def status(self, folder):
        answer = self.lines(b"STATUS " + folder + b" " + ITEMS)[0]
        return {name.decode(): int(value) for name, value in re.findall(
            rb"([A-Z]+) (\d+)", answer[answer.index(b"("):])}

    def uids(self, folder):
        self.lines(b"EXAMINE " + folder)
        found = [int(re.search(rb"UID (\d+)", line).group(1)) for line in
                 self.lines(b"UID FETCH 1:* (UID)") if b"FETCH" in line]
        self.lines(b"UNSELECT")
        return found

    def change(self, folder, *commands):
        self.lines(b"SELECT " + folder)
        for command in commands:
            self.lines(command)
        self.lines(b"UNSELECT")

    def resync(self, folder, validity, modseq):
        """What a client with that cache is told: vanished, {uid: flags}."""
        answer = self.lines(b"SELECT %s (QRESYNC (%d %d))"
                            % (folder, validity, modseq))
        self.lines(b"UNSELECT")
        vanished = [line for line in answer if b"VANISHED" in line]
        changed = {int(re.search(rb"UID (\d+)", line).group(1)): line
                   for line in answer if b"FETCH" in line}
        return vanished, changed


def uidls(server, user):
    session = poplib.POP3("127.0.0.1", server.pop3)
    session.user(user)
    session.pass_(PASSWORD)
    found = [line.split(b" ", 1)[1] for line in session.uidl()[1]]
    session.quit()
    return found


def with_pair(old_extra="", **options):
    """Runs the test with two servers of its own, ann at the old one."""
    def decorate(test):
        def wrapped():
            with Scratch("rehome-identity") as lab:
                old = Dovecot(lab, "old", doveadm=True, pop3=True,
                              extra=old_extra)
                new = Dovecot(lab, "new", doveadm=True, pop3=True, **options)
                for server in (old, new):
                    server.start()
                old.add_user(ANN)
                test(lab, old, new)
        wrapped.__name__ = test.__name__
        return wrapped
    return decorate


def start_site(lab, old, new):
    site = Rehome(lab, tap.build_directory(), (old, new), settle="200ms")
    site.start_policyd()
    return site


def fill(old):
    """Gaps, flags, an empty folder; expunged long ago."""
    session = Session(old, ANN)
    for number in range(40):
        session.append(b"INBOX", text(number),
                       (b"\\Seen",) if number % 3 == 0 else ())
    session.change(b"INBOX", b"UID STORE 3,5,9,20:25 +FLAGS (\\Deleted)",
                   b"EXPUNGE", b"UID STORE 4 +FLAGS ($x \\Flagged)")
    run(["doveadm", "-c", old.config, "mailbox", "update", "-u", ANN,
         "--min-next-uid", "4000000000", "INBOX"])
    for number in range(3):
        session.append(b"INBOX", text(100 + number))
    session.change(b"INBOX", *(b"UID STORE 4000000001 %sFLAGS (\\Seen)" % sign
                               for sign in (b"+", b"-") * 25))
    for folder in (b"Empty", b"Work/&AOQ-b"):
        session.lines(b"CREATE " + folder)
    session.append(b"Work/&AOQ-b", text(200))
    return session


def stand_alone(lab, old, new):
    copy = Copy(lab, "copy", old.imap, new.imap, ANN)
    password = lab.file("copy.doveadm", text=DOVEADM_PASSWORD + "\n",
                        mode=0o600)
    options = ("--destination-doveadm", "inet:127.0.0.1:%d" % new.doveadm,
               "--destination-doveadm-password-file", password)
    return lambda *more, **how: copy.run(*options, *more, **how)


@with_pair()
def keeps_what_clients_know(lab, old, new):
    new.add_user(ANN)
    before = fill(old)
    known = {folder: before.status(folder)
             for folder in FOLDERS}
    copy = stand_alone(lab, old, new)
    report = copy()
    assert report["complete"] and report["uids_changed"] == 0, report
    assert report["identity"].startswith("3 of 3"), report
    after = Session(new, ANN)
    for folder, status in known.items():
        assert after.status(folder) == status, (
            folder, status, after.status(folder))
        assert after.uids(folder) == before.uids(folder)
    assert uidls(new, ANN) == uidls(old, ANN)
    inbox = known[b"INBOX"]
    warm = (inbox["UIDVALIDITY"], inbox["HIGHESTMODSEQ"])
    assert after.resync(b"INBOX", *warm) == ([], {})
    # Who was away before the copy began learns what is gone.
    vanished, _ = after.resync(b"INBOX", inbox["UIDVALIDITY"], 1)
    assert b"3,5,9,20:25," in vanished[0], vanished

    before.change(b"INBOX", b"UID STORE 6 +FLAGS (\\Answered)",
                  b"UID STORE 7 +FLAGS (\\Deleted)", b"EXPUNGE")
    before.append(b"INBOX", text(300))
    copy("--make-equal")
    vanished, changed = after.resync(b"INBOX", *warm)
    assert [line.split()[-1] for line in vanished] == [b"7"], vanished
    assert sorted(changed) == [6, 4000000003], changed
    assert b"\\Answered" in changed[6], changed
    assert uidls(new, ANN) == uidls(old, ANN)

    # What a change is given there is not below what the client has seen here.
    before.change(b"INBOX", *(b"UID STORE 10 %sFLAGS ($y)" % sign
                              for sign in (b"+", b"-") * 20))
    warm = (inbox["UIDVALIDITY"], before.status(b"INBOX")["HIGHESTMODSEQ"])
    before.change(b"INBOX", b"UID STORE 11 +FLAGS (\\Draft)",
                  b"UID STORE 12 +FLAGS (\\Deleted)", b"EXPUNGE")
    copy("--make-equal")
    vanished, changed = after.resync(b"INBOX", *warm)
    assert [line.split()[-1] for line in vanished] == [b"12"], vanished
    assert 11 in changed, changed
    assert copy("--make-equal")["copied"] == 0


@with_pair()
def tells_what_it_cannot_keep(lab, old, new):
    new.add_user(ANN)
    fill(old)
    Session(new, ANN).append(b"INBOX", text(900))
    report = stand_alone(lab, old, new)()
    assert report["complete"], report
    assert "2 of 3 folders" in report["identity"], report["identity"]
    assert re.search("folder INBOX: IMAP clients download it anew .*holds "
                     "messages of its own", report["identity"]), report
    # Without doveadm all of it is told, and nothing is hidden.
    other = Dovecot(lab, "plain")
    other.start()
    other.add_user(ANN)
    report = Copy(lab, "plain", old.imap, other.imap, ANN).run()
    assert re.search("folder INBOX: .*cannot be told UIDs",
                     report["identity"]), report


@with_pair()
def heals_what_would_be_mistaken(lab, old, new):
    """A message of its own comes to the destination in the middle: it has
    taken a UID of the source's, so the folder gets a new UIDVALIDITY."""
    new.add_user(ANN)
    before = fill(old)
    copy = stand_alone(lab, old, new)
    copy()
    after = Session(new, ANN)
    after.append(b"INBOX", text(901))
    before.append(b"INBOX", text(301))
    validity = after.status(b"INBOX")["UIDVALIDITY"]
    report = copy()
    assert report["complete"], report
    assert after.status(b"INBOX")["UIDVALIDITY"] != validity
    assert "folder INBOX: IMAP clients download it anew" in report["identity"]
    assert after.status(b"INBOX")["MESSAGES"] == \
        before.status(b"INBOX")["MESSAGES"] + 1
    assert copy()["copied"] == 0


@with_pair()
def outlives_a_gap_before_no_flip(lab, old, new):
    """A flip may fail when UIDs have been left free for it: what comes next
    gets others than home's, but comes, and once."""
    new.add_user(ANN)
    before = Session(old, ANN)
    for number in range(20):
        before.append(b"INBOX", text(number))
    copy = stand_alone(lab, old, new)
    copy()
    run(["doveadm", "-c", new.config, "mailbox", "update", "-u", ANN,
         "--min-next-uid",
         str(before.status(b"INBOX")["UIDNEXT"] + 100000), "INBOX"])
    before.change(b"INBOX", b"UID STORE 2 +FLAGS (\\Deleted)",
                  b"UID EXPUNGE 2", b"UID STORE 4 +FLAGS (\\Seen)")
    for number in range(300, 305):
        before.append(b"INBOX", text(number))
    report = copy("--make-equal")
    assert report["complete"] and report["copied"] == 5, report
    differ = differences(read_account(old.imap, ANN, PASSWORD),
                         read_account(new.imap, ANN, PASSWORD))
    assert not differ, differ
    # as they were: what a client has of them stays good
    after = Session(new, ANN)
    assert after.uids(b"INBOX")[:19] == before.uids(b"INBOX")[:19]
    before.append(b"INBOX", text(305))
    assert copy()["copied"] == 1 and copy()["copied"] == 0
    assert after.status(b"INBOX")["MESSAGES"] == \
        before.status(b"INBOX")["MESSAGES"] == 25


@with_pair()
def names_what_is_wrong_with_doveadm(lab, old, new):
    new.add_user(ANN)
    copy = Copy(lab, "wrong", old.imap, new.imap, ANN)
    bad = lab.file("wrong.doveadm", text="no\n", mode=0o600)
    port = "inet:127.0.0.1:%d"
    for endpoint, password, words, code in (
            (port % new.doveadm, bad, "refuses the password", 77),
            (port % new.imap, bad, "no doveadm server", 75),
            (port % 1, bad, "Connection refused", 75)):
        report = copy.run("--destination-doveadm", endpoint,
                          "--destination-doveadm-password-file", password,
                          codes=(code,))
        assert words in report["error"], report


class Mbsync:
    """isync with a Maildir of its own."""

    def __init__(self, lab):
        if shutil.which("mbsync") is None:
            raise tap.Skip("isync is not installed")
        self.directory = lab.dir("mbsync")
        self.mail = lab.dir("mbsync", "mail")

    def has(self):
        """What it holds; a name has the message's UID and flags."""
        return {os.path.join(os.path.relpath(where, self.mail), name)
                for where, _, names in os.walk(self.mail) for name in names
                if os.path.basename(where) in ("cur", "new")}

    def sync(self, server):
        """What it has done: here, and at the server."""
        config = os.path.join(self.directory, "mbsyncrc")
        with open(config, "w", encoding="ascii") as out:
            out.write(MBSYNC.format(port=server.imap, user=ANN,
                                    password=PASSWORD,
                                    directory=self.directory))
        session = Session(server, ANN)
        here, there = self.has(), [session.status(f) for f in FOLDERS]
        done = subprocess.run(["mbsync", "-c", config, "all"],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        assert done.returncode == 0, done.stdout
        return (here ^ self.has(),
                [status for status in (session.status(f) for f in FOLDERS)
                 if status not in there])


NOTHING = (set(), [])


@with_pair()
def moves_there_and_back(lab, old, new):
    site = start_site(lab, old, new)
    before = fill(old)
    client = Mbsync(lab)
    assert len(client.sync(old)[0]) == 35
    assert client.sync(old) == NOTHING
    kept = uidls(old, ANN)
    inbox = before.status(b"INBOX")
    warm = (inbox["UIDVALIDITY"], inbox["HIGHESTMODSEQ"])
    site.ctl("add", ANN, "--source", old.name, "--destination", new.name)
    site.ctl("move", ANN)
    site.batch()
    shown = site.show(ANN)
    assert shown["home"] == "destination", shown
    print("# freeze: %s ms: %s" % (shown["freeze_ms"], shown["freeze_steps"]))

    after = Session(new, ANN)
    assert after.resync(b"INBOX", *warm) == ([], {})
    assert uidls(new, ANN) == kept
    assert client.sync(new) == NOTHING
    # What is new there has no UID that a straggler could have.
    assert after.status(b"Empty")["UIDNEXT"] == 100001
    after.append(b"Empty", text(400))
    after.append(b"Work/&AOQ-b", text(401))
    after.change(b"INBOX", b"UID STORE 8 +FLAGS (\\Flagged)")
    assert client.sync(new) != NOTHING
    kept = uidls(new, ANN)
    inbox = after.status(b"INBOX")
    warm = (inbox["UIDVALIDITY"], inbox["HIGHESTMODSEQ"])
    uids = {folder: after.uids(folder) for folder in FOLDERS}

    site.ctl("return", ANN)
    site.batch()
    assert site.show(ANN)["home"] == "source", site.show(ANN)
    before = Session(old, ANN)
    for folder, known in uids.items():
        assert before.uids(folder) == known, (folder, known)
    assert before.resync(b"INBOX", *warm) == ([], {})
    assert uidls(old, ANN) == kept
    assert client.sync(old) == NOTHING


@with_pair(old_extra=POP3_OLD)
def keeps_the_form_of_identifiers(lab, old, new):
    """As from a Cyrus: the hook is told the form, and POP3 clients of the
    destination see the same."""
    site = start_site(lab, old, new)
    fill(old)
    kept = uidls(old, ANN)
    site.ctl("add", ANN, "--source", old.name, "--destination", new.name)
    site.ctl("move", ANN)
    site.batch()
    assert site.show(ANN)["home"] == "destination", site.show(ANN)
    assert b"." in kept[0] and uidls(new, ANN) == kept


@with_pair(old_extra=POP3_OLD)
def waits_for_a_word_about_identifiers(lab, old, new):
    site = start_site(lab, old, new)
    fill(old)
    # It was made before by somebody who knew of no form.
    new.add_user(ANN)
    site.ctl("add", ANN, "--source", old.name, "--destination", new.name)
    site.ctl("move", ANN)
    site.batch("--for", "2s")
    shown = site.show(ANN)
    assert shown["home"] == "source", shown
    assert "UIDL" in shown["failure"], shown
    site.ctl("approve", ANN, "uidl", "--reason", "nobody uses POP3")
    site.wait_phase(ANN, "copying", "ready")
    site.batch("--for", "8s")
    assert site.show(ANN)["home"] == "destination", site.show(ANN)


class Elsewhere:
    """A server without hooks, whose users' passwords open their mail."""

    def system_section(self):
        secret = self.scratch.file(
            self.name, "passwords", text="%s:%s\n" % (ANN, PASSWORD),
            mode=0o600)
        return """
system "%s" {
    imap = "imap://127.0.0.1:%d"
    pop3 = "pop3://127.0.0.1:%d"
    deliver = "smtp:[127.0.0.1]:25"
    passwords = "%s"
}
""" % (self.name, self.imap, self.pop3, secret)


class OldCourier(Elsewhere, Courier):
    pass


class OldCyrus(Elsewhere, Cyrus):
    pass


def compares_identifiers_of(kind, keeps):
    """A POP3 client that leaves mail on the server sees the same list, or the
    move waits for a word about it."""
    with Scratch("rehome-identity") as lab:
        old = kind(lab, "old")
        new = Dovecot(lab, "new", doveadm=True, pop3=True)
        if kind is OldCourier:
            old.add_user(ANN)
        old.start()
        new.start()
        if kind is OldCyrus:
            old.add_user(ANN)
        with Wire(old.imap, ANN, PASSWORD) as session:
            for number in range(12):
                session.append(b"INBOX", text(number, number * 40))
            session.select(b"INBOX")
            for uid in (b"3", b"7", b"12"):
                session.command(b"UID STORE", uid, b"+FLAGS (\\Deleted)")
            session.command(b"EXPUNGE")
        kept = uidls(old, ANN)
        assert len(kept) == 9
        site = start_site(lab, old, new)
        site.ctl("add", ANN, "--source", old.name, "--destination", new.name)
        site.ctl("move", ANN)
        site.batch("--for", "4s")
        shown = site.show(ANN)
        if not keeps:
            assert shown["home"] == "source", shown
            assert "POP3 clients download 9 of 9 messages again" in \
                shown["failure"], shown
            site.ctl("approve", ANN, "uidl", "--reason", "she was told")
            site.batch("--for", "8s")
            shown = site.show(ANN)
        assert shown["home"] == "destination", shown
        assert (uidls(new, ANN) == kept) == keeps, (kept, uidls(new, ANN))


def asks_about_the_identifiers_of_courier():
    """Its POP3 server numbers messages by itself, whatever their UIDs are."""
    compares_identifiers_of(OldCourier, False)


def keeps_the_identifiers_of_cyrus():
    compares_identifiers_of(OldCyrus, True)


TESTS = [keeps_what_clients_know, tells_what_it_cannot_keep,
         heals_what_would_be_mistaken, outlives_a_gap_before_no_flip,
         names_what_is_wrong_with_doveadm,
         moves_there_and_back, keeps_the_form_of_identifiers,
         waits_for_a_word_about_identifiers,
         asks_about_the_identifiers_of_courier,
         keeps_the_identifiers_of_cyrus]

if __name__ == "__main__":
    tap.main(TESTS)
