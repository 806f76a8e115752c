# SPDX-License-Identifier: BSD-2-Clause
"""How long an account is out of service, step by step, and that this does not
grow with the account: real policyd, copier and Dovecots, accounts of several
sizes, 20 changed messages in each freeze. They are made from the lock hook,
so that nothing but the last round can carry them; the time of that hook is
left out, as is the queue's (there is none here).

    freeze.py [--sizes 1000,20000,100000] [--turns 9] [--old maildir]
              [--new maildir] [--plain] [--rescan]

--old and --new are the formats of Dovecot that the mail systems store in:
maildir, sdbox or mdbox. --plain hides CONDSTORE, QRESYNC and LIST-STATUS on
both sides. The Dovecots believe their indexes (maildir_very_dirty_syncs); with
--rescan they read the directory of each Maildir that changed within the last
second, as they do by default: that grows with the folder."""

import argparse
import imaplib
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402

FOLDERS = 20
STEPS = ("barrier", "list", "copy", "proof", "flip")
PLAIN = ("imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID LITERAL+ "
         "UIDPLUS NAMESPACE UNSELECT MULTIAPPEND CHILDREN\n")
HOOK = """#!/bin/sh
: >%(directory)s/locked
while [ ! -e %(directory)s/changed ]; do sleep 0.005; done
"""
EMPTY_HOOK = "#!/bin/sh\nexit 0\n"


def folder_name(index):
    return "INBOX" if index == 0 else "folder%02d" % index


def write_maildir(base, size):
    """Writes the account's messages under names as deliveries give them: where
    the microseconds count up like the seconds, Dovecot's table of names is one
    long chain, and reading a folder of 5,000 takes it 80 ms."""
    names = random.Random(size)
    body = b"Subject: message\r\n\r\n" + b"some words of a message\r\n" * 40
    for index in range(FOLDERS):
        path = base if index == 0 else "%s/.%s" % (base, folder_name(index))
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, part), exist_ok=True)
        for number in range(size // FOLDERS):
            text = b"X-Number: %d-%d\r\n" % (index, number) + body
            with open("%s/cur/%d.M%dP%d.lab,S=%d,W=%d:2,%s" % (
                    path, 1700000000 + 97 * number, names.randrange(1000000),
                    names.randrange(1, 32768), len(text), len(text),
                    "S" if number % 2 else ""), "wb") as out:
                out.write(text)
    with open(base + "/subscriptions", "w", encoding="ascii") as out:
        out.write("".join("folder%02d\n" % index
                          for index in range(1, FOLDERS)))


def fill(server, address, size, kind):
    """Writes the account's messages into its mailbox; what is no Maildir takes
    them out of one."""
    home = os.path.join(server.mail, address)
    base = os.path.join(home, "maildir" if kind == "maildir" else "written")
    write_maildir(base, size)
    subprocess.run(["chown", "-R", "nobody:nogroup", home], check=True)
    if kind == "maildir":
        return
    subprocess.run(["doveadm", "-c", server.config, "-o",
                    "mail_fsync=never", "import", "-s", "-u", address,
                    "maildir:" + base, "", "ALL"], check=True)
    shutil.rmtree(base)


class Changes:
    """20 changed messages in four folders: new ones, flags, and expunged."""

    def __init__(self, port, address):
        self.imap = imaplib.IMAP4("127.0.0.1", port)
        self.imap.login(address, PASSWORD)
        self.turn = 0

    def must(self, answer):
        if answer[0] != "OK":
            raise RuntimeError(str(answer))
        return answer[1]

    def make(self):
        self.turn += 1
        for index in range(4):
            folder = folder_name(3 * index)
            for number in range(3):
                self.must(self.imap.append(
                    folder, None, None,
                    b"Subject: new\r\nX-Turn: %d %d %.6f\r\n\r\nlate\r\n" % (
                        self.turn, number, time.time())))
            count = int(self.must(self.imap.select(folder))[0])
            self.must(self.imap.store("%d" % (count - 3 - self.turn),
                                      "+FLAGS.SILENT", "(\\Flagged)"))
            self.must(self.imap.store("1", "+FLAGS.SILENT", "(\\Deleted)"))
            self.must(self.imap.expunge())
        self.must(self.imap.unselect())

    def close(self):
        self.imap.logout()


class Site:
    """Two Dovecots and rehome between them."""

    def __init__(self, scratch, arguments):
        extra = PLAIN if arguments.plain else ""
        if not arguments.rescan:
            extra += "maildir_very_dirty_syncs = yes\n"
        self.scratch = scratch
        self.old, self.new = (
            Dovecot(scratch, name, mail_format=kind, extra=extra)
            for name, kind in (("old", arguments.old), ("new", arguments.new)))
        self.directory = scratch.dir("hook", mode=0o777)
        hook = scratch.file("hook", "lock", mode=0o755,
                            text=HOOK % {"directory": self.directory})
        empty = scratch.file("hook", "empty", mode=0o755, text=EMPTY_HOOK)
        for server in (self.old, self.new):
            server.hooks = {"lock": hook, "unlock": empty, "provision": empty}
        self.rehome = Rehome(scratch, tap.build_directory(),
                             (self.old, self.new), settle="10ms",
                             budget="60s", lease="30s")
        for server in (self.old, self.new):
            server.start()
        self.rehome.start_policyd()
        self.rehome.start_copier()

    def hooked(self, change):
        """Runs the change when the lock hook says that the account is locked,
        and lets the hook end."""
        locked, changed = (os.path.join(self.directory, name)
                           for name in ("locked", "changed"))
        wait_for(lambda: os.path.exists(locked), 600, "the lock hook", 0.002)
        change()
        os.unlink(locked)
        with open(changed, "w", encoding="ascii"):
            pass

    def move(self, verb, address, change):
        """One move; returns the freeze by step."""
        changed = os.path.join(self.directory, "changed")
        if os.path.exists(changed):
            os.unlink(changed)
        self.rehome.ctl(verb, address)
        self.hooked(change)
        account = self.rehome.wait_phase(address, "sweeping", "settled",
                                         seconds=120)
        steps = dict(account["freeze_steps"])
        lock = steps.pop("lock", 0)
        total = account["freeze_ms"] - lock
        steps["barrier"] = max(0, steps.get("barrier", 0) - lock)
        self.rehome.wait_phase(address, "settled")
        return total, steps


def measure(site, arguments, size):
    address = "size%d@example.org" % size
    for server in (site.old, site.new):
        server.add_user(address)
    fill(site.old, address, size, arguments.old)
    site.rehome.ctl("add", address, "--source", "old", "--destination", "new")
    site.move("move", address, lambda: None)
    freezes = []
    for turn in range(arguments.turns):
        home = site.old if turn % 2 else site.new
        changes = Changes(home.imap, address)
        changes.turn = turn
        freezes.append(site.move("move" if turn % 2 else "return", address,
                                 changes.make))
        changes.close()
    return freezes


def report(size, freezes):
    totals = [total for total, _ in freezes]
    row = "%8d %7d %5d-%-5d" % (size, statistics.median(totals), min(totals),
                                max(totals))
    for step in STEPS:
        row += " %8s" % statistics.median(
            [steps.get(step, 0) for _, steps in freezes])
    print(row, flush=True)


def main():
    parser = argparse.ArgumentParser(
        description="The length of the freeze by step and size of account.")
    parser.add_argument("--sizes", default="1000,20000,100000")
    parser.add_argument("--turns", type=int, default=9)
    for side in ("old", "new"):
        parser.add_argument("--" + side, default="maildir",
                            choices=("maildir", "sdbox", "mdbox"))
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--rescan", action="store_true")
    arguments = parser.parse_args()
    scratch = Scratch("rehome-bench")
    try:
        site = Site(scratch, arguments)
        print("freeze in ms, %d turns, %s and %s%s%s" % (
            arguments.turns, arguments.old, arguments.new,
            ", no CONDSTORE" if arguments.plain else "",
            ", directories read" if arguments.rescan else ""))
        print("messages  median   range    " + " ".join(
            "%8s" % step for step in STEPS))
        for size in map(int, arguments.sizes.split(",")):
            report(size, measure(site, arguments, size))
    finally:
        scratch.close(keep=bool(os.environ.get("LAB_KEEP")))


if __name__ == "__main__":
    main()
