# SPDX-License-Identifier: BSD-2-Clause
"""Large accounts between two Dovecots over several connections: everything
arrives once and in order, a message of any size passes in little memory, and
a copier that is killed in the middle goes on where it was."""

import os
import pwd
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))
sys.path.insert(0, os.path.join(HERE, "..", "bench"))

import copy_corpus  # noqa: E402
import tap  # noqa: E402
from checker import must_be_equal, read_account  # noqa: E402
from copying import Copy  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Delay, Masking  # noqa: E402
from scratch import Scratch  # noqa: E402

LAB = Scratch("rehome-copy-lanes")
MEMORY = 32  # MB
USERS = ["user%d@example.org" % number for number in range(12)]
SERVERS = {}
MEGABYTE = 1 << 20


def server(name, **options):
    if name not in SERVERS:
        SERVERS[name] = Dovecot(LAB, name, **options)
        for user in USERS:
            SERVERS[name].add_user(user)
        SERVERS[name].start()
    return SERVERS[name]


def owner():
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def begin(corpus="small", scale=0.1, new="new", **options):
    """A filled account at the old server and its copy-to-be."""
    old, user = server("old"), USERS[begin.count]
    begin.count += 1
    path = old.maildir(user)
    os.makedirs(path)
    copy_corpus.write(corpus, path, owner(), scale)
    os.chown(os.path.dirname(path), *owner())
    return Copy(LAB, user, old.imap, server(new, **options).imap, user)


begin.count = 0


def check(copy):
    must_be_equal(read_account(copy.old, copy.user, PASSWORD),
                  read_account(copy.new, copy.user, PASSWORD))


class Peak(threading.Thread):
    """The most memory that a process has, in MB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak = pid, 0.0
        self.start()

    def run(self):
        while True:
            try:
                with open("/proc/%d/status" % self.pid,
                          encoding="ascii") as status:
                    found = [line for line in status
                             if line.startswith("VmHWM")]
            except OSError:
                return
            if not found:
                return
            self.peak = max(self.peak, int(found[0].split()[1]) / 1024)
            time.sleep(0.01)


def run_measured(copy, *options):
    """Megabytes."""
    child = subprocess.Popen(copy.arguments(*options),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak = Peak(child.pid)
    said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    return peak.peak


def copies_to_maildir():
    copy = begin()
    memory = run_measured(copy)
    print("# %.1f MB" % memory, flush=True)
    assert memory <= MEMORY, memory
    check(copy)
    assert copy.run()["copied"] == 0


def copies_to_sdbox():
    copy = begin("mixed", 0.1, "sdbox", mail_format="sdbox")
    copy.run("--lanes", "6")
    check(copy)
    assert copy.run()["copied"] == 0


def copies_without_capabilities():
    for words in ((b"MULTIAPPEND",), (b"LITERAL+",),
                  (b"MULTIAPPEND", b"UIDPLUS")):
        copy = begin(scale=0.015)
        with Masking(copy.new, *words) as proxy:
            copy.run(new=proxy.port)
            check(copy)
            assert copy.run(new=proxy.port)["copied"] == 0


def passes_a_very_large_message():
    copy = begin("large", 0.0001)
    path = os.path.join(server("old").maildir(copy.user), "cur",
                        "1420000000.M999999P1.bench:2,S")
    with open(path, "wb") as out:
        out.write(b"Subject: large\n\n")
        for number in range(200):
            out.write(b"%07d " % number + b"x" * 69 + b"\n")
            out.write((b"y" * 77 + b"\n") * (MEGABYTE // 78))
    os.chown(path, *owner())
    memory = run_measured(copy)
    print("# %.1f MB" % memory, flush=True)
    assert memory <= MEMORY, memory
    check(copy)


def goes_on_after_a_kill():
    copy = begin()
    kills = 0
    for turn in range(6):
        child = subprocess.Popen(copy.arguments(),
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        time.sleep(0.15 + 0.1 * turn)
        kills += child.poll() is None
        child.kill()
        if child.wait() == 0:
            break
    assert kills >= 2, kills
    copy.run()
    check(copy)


def is_told_to_stop():
    copy = begin()
    child = subprocess.Popen(copy.arguments(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    time.sleep(0.4)
    child.terminate()
    began = time.monotonic()
    assert child.wait(20) in (0, 75), child.returncode
    assert time.monotonic() - began < 5
    copy.run()
    check(copy)


def a_long_line_is_no_multiple_of_it():
    """20 folders: a round trip for each thing that is said would show."""
    copy = begin(scale=0.02)
    with Delay(copy.old, 25) as old, Delay(copy.new, 25) as new:
        began = time.monotonic()
        copy.run(old=old.port, new=new.port)
        seconds = time.monotonic() - began
    print("# %.1f s with 50 ms of round trip" % seconds, flush=True)
    check(copy)
    assert seconds < 20 * 50 * 0.05, seconds


if __name__ == "__main__":
    with LAB:
        tap.main([
            copies_to_maildir, copies_to_sdbox,
            copies_without_capabilities, passes_a_very_large_message,
            goes_on_after_a_kill, is_told_to_stop,
            a_long_line_is_no_multiple_of_it])
