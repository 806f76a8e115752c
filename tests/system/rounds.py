# SPDX-License-Identifier: BSD-2-Clause
"""Rounds of `rehome copy` between two Dovecots: they cost what has changed,
with and without the extensions that tell it; folders and messages that change
between and during rounds end right."""

import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mailbox_copy  # noqa: E402
import tap  # noqa: E402
from mailbox_copy import Client, with_pair  # noqa: E402

CAPABILITIES = rb"(?m)^(\* CAPABILITY |\* OK \[CAPABILITY |A\d+ OK \[CAPABILITY )"


class Between:
    """A proxy before a server: hides capabilities, drops or changes lines of
    the server, and counts them."""

    def __init__(self, pair, server, hide=(), change=None):
        self.to = server.imap
        self.hide = [re.compile(rb" " + word + rb"(?=[ \]\r])")
                     for word in hide]
        self.change = change
        self.fetched = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        pair.lab.undo.append(self.listener.close)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._up, args=(client, server),
                             daemon=True).start()
            threading.Thread(target=self._down, args=(client, server),
                             daemon=True).start()

    @staticmethod
    def _up(client, server):
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    break
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _down(self, client, server):
        with server.makefile("rb") as lines:
            for line in lines:
                if re.match(CAPABILITIES, line):
                    for word in self.hide:
                        line = word.sub(b"", line)
                if re.match(rb"\* \d+ FETCH ", line):
                    self.fetched += 1
                if self.change is not None:
                    line = self.change(line)
                try:
                    client.sendall(line)
                except OSError:
                    break
        client.close()


def many(pair, folder="INBOX", count=400):
    client = Client(pair.old)
    for index in range(count):
        client.append(folder, b"Subject: many %d\r\n\r\n%s\r\n" % (
            index, b"x" * (index % 97)))
    client.close()


def change(pair, folder="INBOX", turn=0):
    """Eight new messages, six other flags, six expunged."""
    client = Client(pair.old)
    for index in range(8):
        client.append(folder, b"Subject: late %d %d\r\n\r\nlate\r\n"
                      % (turn, index))
    client.select(folder)
    uids = client.must(client.imap.uid("SEARCH", "ALL"))[0].split()
    client.must(client.imap.uid(
        "STORE", b",".join(uids[200 + turn:206 + turn]).decode(),
        "+FLAGS.SILENT", "(\\Flagged)"))
    gone = b",".join(uids[100:112:2]).decode()
    client.must(client.imap.uid("STORE", gone, "+FLAGS.SILENT",
                                "(\\Deleted)"))
    client.must(client.imap.uid("EXPUNGE", gone))
    client.close()


def copies(pair, old=None, new=None, *options, code=0):
    """A run over proxies before the old and the new server."""
    arguments = pair.arguments("--json", "--make-equal", *options,
                               port=new.port if new else None)
    if old:
        arguments = [word.replace(":%d" % pair.old.imap, ":%d" % old.port)
                     for word in arguments]
    done = subprocess.run(arguments, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return mailbox_copy.json.loads(done.stdout.strip().splitlines()[-1])


def masked(pair, hide, most=None, change_lines=None):
    many(pair)
    old = Between(pair, pair.old, hide, change_lines)
    new = Between(pair, pair.new, hide, change_lines)
    copies(pair, old, new)
    copies(pair, old, new)
    pair.equal()
    change(pair)
    old.fetched = new.fetched = 0
    report = copies(pair, old, new)
    assert report["copied"] == 8 and report["removed"] == 6, report
    assert report["flags"] == 6, report
    if most is not None:
        assert old.fetched <= most and new.fetched <= most, (
            old.fetched, new.fetched)
    else:
        assert old.fetched >= 400, old.fetched
    pair.equal()
    # and nothing is left to be done
    report = copies(pair, old, new)
    assert not report["copied"] + report["removed"] + report["flags"], report


@with_pair()
def costs_what_has_changed(pair):
    masked(pair, (), most=40)


@with_pair()
def does_without_qresync(pair):
    """What is gone is not told: all must be read."""
    masked(pair, (rb"QRESYNC",))


@with_pair()
def does_without_condstore(pair):
    masked(pair, (rb"QRESYNC", rb"CONDSTORE", rb"ENABLE", rb"LIST-STATUS",
                  rb"UNSELECT", rb"LIST-EXTENDED", rb"ESEARCH"))


@with_pair()
def believes_no_forgetful_server(pair):
    """One that does not tell all that has vanished: it does not add up."""
    def forget(line):
        if not line.startswith(b"* VANISHED (EARLIER)"):
            return line
        return re.sub(rb"\d+(:\d+)?,?", b"", line, count=1) \
            if b"," in line else b""
    masked(pair, (), change_lines=forget)


@with_pair()
def renames_what_was_renamed(pair):
    client = Client(pair.old)
    for folder in ("work", "work/a", "work/a/b"):
        client.must(client.imap.create(folder))
        for index in range(5):
            client.append(folder, b"Subject: %s %d\r\n\r\nx\r\n"
                          % (folder.encode(), index))
    client.must(client.imap.subscribe("work/a"))
    client.close()
    copies(pair)
    client = Client(pair.old)
    client.must(client.imap.rename("work", "play"))
    client.must(client.imap.unsubscribe("work/a"))
    client.must(client.imap.subscribe("play/a"))
    client.append("play/a", b"Subject: more\r\n\r\nx\r\n")
    client.close()
    planned = copies(pair, None, None, "--dry-run")["plan"]
    assert "rename work -> play" in planned, planned
    report = copies(pair)
    assert report["copied"] == 1 and report["removed"] == 0, report
    pair.equal()
    report = copies(pair)
    assert report["copied"] == 0, report


@with_pair()
def renames_nothing_in_doubt(pair):
    """A stranger's message is in the folder there: it is left alone."""
    client = Client(pair.old)
    client.must(client.imap.create("work"))
    for index in range(5):
        client.append("work", b"Subject: %d\r\n\r\nx\r\n" % index)
    client.close()
    copies(pair)
    client = Client(pair.new)
    client.append("work", b"Subject: mine\r\n\r\nforeign\r\n")
    client.close()
    copies(pair)
    client = Client(pair.old)
    client.must(client.imap.rename("work", "play"))
    client.close()
    report = copies(pair)
    assert report["copied"] == 5 and report["removed"] == 5, report
    new = mailbox_copy.read(pair.new)[0]
    assert sum(new["work"].values()) == 1 and sum(new["play"].values()) == 5


@with_pair()
def a_folder_made_anew(pair):
    client = Client(pair.old)
    client.must(client.imap.create("box"))
    for index in range(5):
        client.append("box", b"Subject: first %d\r\n\r\nx\r\n" % index)
    client.close()
    copies(pair)
    client = Client(pair.old)
    client.must(client.imap.delete("box"))
    client.must(client.imap.create("box"))
    for index in range(3, 9):
        client.append("box", b"Subject: first %d\r\n\r\nx\r\n" % index)
    client.close()
    report = copies(pair)
    assert report["adopted"] == 2 and report["copied"] == 4, report
    assert report["removed"] == 3, report
    pair.equal()


@with_pair()
def ends_right_while_home_changes(pair):
    """Appended, flagged, expunged and moved all the time that it copies."""
    many(pair, count=300)
    client = Client(pair.old)
    client.must(client.imap.create("Filed"))
    client.close()
    for turn in range(4):
        child = subprocess.Popen(pair.arguments("--json", "--make-equal"),
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        client = Client(pair.old)
        step = 0
        while child.poll() is None:
            step += 1
            client.append("INBOX", b"Subject: during %d %d\r\n\r\nx\r\n"
                          % (turn, step))
            client.select("INBOX")
            uids = client.must(client.imap.uid("SEARCH", "ALL"))[0].split()
            client.must(client.imap.uid("STORE", uids[step % 50].decode(),
                                        "+FLAGS.SILENT", "(\\Answered)"))
            client.must(client.imap.uid("MOVE", uids[-3].decode(), "Filed"))
            client.must(client.imap.uid("STORE", uids[60].decode(),
                                        "+FLAGS.SILENT", "(\\Deleted)"))
            client.must(client.imap.uid("EXPUNGE", uids[60].decode()))
            if step % 20 == 0:
                client.must(client.imap.rename(
                    "Filed", "Filed%d-%d" % (turn, step)))
                client.must(client.imap.create("Filed"))
        client.close()
        # what vanished under its hands may make it say so, never fail
        assert child.returncode in (0, 65), child.communicate()
        child.communicate()
    copies(pair)
    copies(pair)
    pair.equal()


TESTS = [
    costs_what_has_changed, does_without_qresync, does_without_condstore,
    believes_no_forgetful_server, renames_what_was_renamed,
    renames_nothing_in_doubt, a_folder_made_anew,
    ends_right_while_home_changes]

if __name__ == "__main__":
    with mailbox_copy.LAB:
        tap.main(TESTS)
