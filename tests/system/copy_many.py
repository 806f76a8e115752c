# SPDX-License-Identifier: BSD-2-Clause
"""Many accounts at once: what they cost together, and that each is right. The
number of accounts and of messages in each are arguments of --accounts N
--messages N (`make bench-many`); without them it is a small form."""

import argparse
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch  # noqa: E402
from wire import Wire  # noqa: E402

LAB = Scratch()
FOLDERS = (b"INBOX", b"Sent", b"Archive/2024")
LIMITS = """
default_client_limit = 4000
default_process_limit = 1000
service anvil {
  client_limit = 4000
}
service auth {
  client_limit = 6000
}
service imap-login {
  client_limit = 2000
}
"""
CHECKED = 10  # accounts that are read back whole; the rest is counted


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, default=30)
    parser.add_argument("--messages", type=int, default=30)
    found, sys.argv[1:] = parser.parse_known_args()
    return found


SIZE = options()


class Watch(threading.Thread):
    """The most that the copier's processes have had at one time."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.most = {"processes": 0, "threads": 0, "descriptors": 0,
                     "memory": 0}
        self.largest = 0
        self.ended = threading.Event()

    @staticmethod
    def tree(pid):
        """The process and all its descendants."""
        found = [pid]
        for child in found:
            try:
                for task in os.listdir("/proc/%d/task" % child):
                    with open("/proc/%d/task/%s/children" % (child, task),
                              encoding="ascii") as text:
                        found += map(int, text.read().split())
            except OSError:
                continue
        return found

    @staticmethod
    def look(pid):
        """(threads, descriptors, KB that are nobody else's)"""
        values = {}
        with open("/proc/%d/status" % pid, encoding="ascii",
                  errors="replace") as text:
            for line in text:
                name, _, value = line.partition(":")
                values[name] = value.split()[0] if value.split() else ""
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as text:
            own = sum(int(line.split()[1]) for line in text
                      if line.startswith("Private_"))
        return (int(values.get("Threads", 0)),
                len(os.listdir("/proc/%d/fd" % pid)), own)

    def run(self):
        while not self.ended.wait(0.2):
            now = dict.fromkeys(self.most, 0)
            for pid in self.tree(self.pid):
                try:
                    threads, descriptors, memory = self.look(pid)
                except (OSError, ValueError):
                    continue
                now["processes"] += 1
                now["threads"] += threads
                now["descriptors"] += descriptors
                now["memory"] += memory
                self.largest = max(self.largest, memory)
            for name, value in now.items():
                self.most[name] = max(self.most[name], value)


def address(number):
    return "user%d@example.org" % number


def fill(server, number):
    """Messages of 2-6 KB; MULTIAPPEND, so that it is soon done."""
    with Wire(server.imap, address(number), PASSWORD) as session:
        for name in FOLDERS[1:]:
            session.command(b"CREATE", name)
        for index, name in enumerate(FOLDERS):
            command = b"F%d APPEND %s" % (index, name)
            for message in range(index, SIZE.messages, len(FOLDERS)):
                body = b"Subject: %d of %d\r\n\r\n" % (message, number) + (
                    b"%064d\r\n" % message) * (30 + message % 60)
                command += b' (\\Seen) " 5-May-2015 10:00:00 +0000" {%d+}\r\n' \
                    % len(body) + body
            session.socket.sendall(command + b"\r\n")
            session.wait(b"F%d" % index)


def moves_many_accounts_at_once():
    old = Dovecot(LAB, "old", extra=LIMITS)
    new = Dovecot(LAB, "new", extra=LIMITS)
    for number in range(SIZE.accounts):
        old.add_user(address(number))
        new.add_user(address(number))
    old.start()
    new.start()
    for number in range(SIZE.accounts):
        fill(old, number)
    site = Rehome(LAB, tap.build_directory(), [old, new], budget="60s",
                  lease="30s", settle="1s", level="warning")
    site.start_policyd()
    site.ctl("import", LAB.file("all.csv", text="".join(
        ["address,source,destination,batch\n"]
        + ["%s,old,new,all\n" % address(number)
           for number in range(SIZE.accounts)])))
    before = {number: read_account(old.imap, address(number), PASSWORD)
              for number in range(0, SIZE.accounts,
                                  max(1, SIZE.accounts // CHECKED))}
    site.ctl("move", "--batch", "all")
    began = time.monotonic()
    site.start_copier("--batch", "--jobs", str(SIZE.accounts))
    copier = LAB.children["copier"]
    watch = Watch(copier.pid)
    watch.start()
    code = copier.wait(3600)
    seconds = time.monotonic() - began
    watch.ended.set()
    watch.join()
    tell(watch, seconds)
    assert code == 0, (code, LAB.log("copier")[-3000:])
    for number in range(SIZE.accounts):
        check(site, new, number, before.get(number))


def tell(watch, seconds):
    messages = SIZE.accounts * SIZE.messages
    print("# %d accounts of %d messages in %.1f s: %.0f messages/s" % (
        SIZE.accounts, SIZE.messages, seconds, messages / seconds))
    print("# at most %(processes)d processes, %(threads)d threads, "
          "%(descriptors)d descriptors, %(memory)d KB of their own"
          % watch.most, end="")
    print("; the largest %d KB" % watch.largest, flush=True)
    assert watch.most["processes"] > SIZE.accounts // 2, "not at once"


def check(site, new, number, before):
    record = site.show(address(number))
    assert record["home"] == "destination", record
    if before is not None:
        found = differences(before, read_account(new.imap, address(number),
                                                 PASSWORD))
        assert not found, (number, found)
        return
    with Wire(new.imap, address(number), PASSWORD) as session:
        count = sum(session.select(name, write=False)[b"EXISTS"]
                    for name in FOLDERS)
    assert count == SIZE.messages, (number, count)


if __name__ == "__main__":
    with LAB:
        tap.main([moves_many_accounts_at_once])
