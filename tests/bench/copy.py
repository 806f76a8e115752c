# SPDX-License-Identifier: BSD-2-Clause
"""How long the copy of one account takes, ours beside that of every other tool
that is installed, one after the other in the same minutes: the initial copy, a
run that finds nothing new, one that finds one message in a hundred new and as
many flagged. A client that shares no code with any of them looks at the result.

    make bench-copy BENCH_FLAGS="--corpus small --format sdbox --tls --delay 20"

Ratios are rehome's time by the other's: below 1 rehome was faster."""

import argparse
import os
import pwd
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))
sys.path.insert(0, HERE)

import copy_corpus  # noqa: E402
import copy_tools  # noqa: E402
import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Delay  # noqa: E402
from scratch import Scratch  # noqa: E402
from wire import Wire  # noqa: E402

PHASES = ("initial", "re-run", "delta")
OWNER = "nobody"


class Run:
    """Times of one tool in one phase."""

    def __init__(self):
        self.seconds, self.memory, self.wrong, self.code = [], 0, 0, 0


class Memory(threading.Thread):
    """The most that a process ever had resident, as long as it lives. What
    wait4(2) tells begins with our own size."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path = "/proc/%d/status" % pid
        self.peak = 0
        self.start()

    def run(self):
        while True:
            try:
                with open(self.path, encoding="ascii",
                          errors="replace") as status:
                    found = [line for line in status
                             if line.startswith("VmHWM")]
            except OSError:
                return
            if not found:  # it has ended
                return
            self.peak = max(self.peak, int(found[0].split()[1]) / 1024)
            time.sleep(0.02)


def measure(argv, environment, log):
    """Seconds, megabytes, exit code."""
    began = time.monotonic()
    with open(log, "ab") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, env=dict(os.environ,
                                                      **environment))
        memory = Memory(child.pid)
        code = child.wait()
    return time.monotonic() - began, memory.peak, code


class Bench:
    def __init__(self, scratch, options):
        self.scratch, self.options = scratch, options
        self.tools = {name: tool for name, tool in
                      copy_tools.installed().items()
                      if not options.tools or name in options.tools}
        self.old = Dovecot(scratch, "old")
        self.new = Dovecot(scratch, "new", mail_format=options.format)
        for server in (self.old, self.new):
            for repetition in range(options.repetitions):
                for name in ("source", *self.tools):
                    server.add_user(self.user(name, repetition))
            server.start()
        self.ports = [server.imaps if options.tls else server.imap
                      for server in (self.old, self.new)]
        self.delays = []
        if options.delay:
            self.delays = [Delay(port, options.delay / 2)
                           for port in self.ports]
            self.ports = [delay.port for delay in self.delays]
        self.bundle = scratch.file("bundle.pem", text="".join(
            open(server.certificate, encoding="ascii").read()
            for server in (self.old, self.new)))
        self.runs = {(name, phase): Run()
                     for name in self.tools for phase in PHASES}

    @staticmethod
    def user(name, repetition):
        return "%s%d@example.org" % (name, repetition)

    def prepare(self, corpus, repetition):
        user = self.user("source", repetition)
        path = self.old.maildir(user)
        os.makedirs(path)
        nobody = pwd.getpwnam(OWNER)
        owner = (nobody.pw_uid, nobody.pw_gid)
        self.messages, self.octets = copy_corpus.write(
            corpus, path, owner, self.options.scale, repetition + 1)
        os.chown(os.path.dirname(path), *owner)
        # indexes are made now, and the pages are warm for everybody
        self.wanted = read_account(self.old.imap, user, PASSWORD)

    def change(self, repetition):
        """One in a hundred new, one in a hundred flagged."""
        user = self.user("source", repetition)
        count = max(1, self.messages // 100)
        with Wire(self.old.imap, user, PASSWORD) as session:
            for number in range(count):
                session.append(b"INBOX", b"Subject: late %d\r\n\r\nlate\r\n"
                               % number)
            session.select(b"INBOX")
            session.command(b"UID STORE 1:%d +FLAGS (\\Flagged)" % count)
        self.wanted = read_account(self.old.imap, user, PASSWORD)

    def run(self, name, phase, repetition):
        job = copy_tools.Job(
            self.old, self.new, self.ports,
            (self.user("source", repetition), self.user(name, repetition)),
            self.scratch.dir("state", "%s%d" % (name, repetition),
                             mode=0o700), self.options.tls)
        job.bundle = self.bundle
        argv, environment = self.tools[name](job, tap.build_directory())
        os.sync()
        seconds, memory, code = measure(
            argv, environment, os.path.join(self.scratch.path, name + ".log"))
        run = self.runs[name, phase]
        run.seconds.append(seconds)
        run.memory = max(run.memory, memory)
        run.code = code or run.code
        if phase != "re-run":
            found = read_account(self.new.imap, job.users[1], PASSWORD)
            wrong = differences(self.wanted, found)
            run.wrong = max(run.wrong, len(wrong))
            if wrong and self.options.verbose:
                print("# %s %s: %s" % (name, phase, wrong[:3]), flush=True)

    def repeat(self, corpus, repetition):
        self.prepare(corpus, repetition)
        names = list(self.tools)
        for phase in PHASES:
            if phase == "delta":
                self.change(repetition)
            # another one first each time
            for place in range(len(names)):
                self.run(names[(place + repetition) % len(names)], phase,
                         repetition)

    def print(self, corpus):
        options = self.options
        print("%s: %d messages, %.1f MB, to %s%s%s, %d time%s" % (
            corpus, self.messages, self.octets / 1e6, options.format,
            ", TLS" if options.tls else "",
            ", %d ms of round trip more" % options.delay
            if options.delay else "", options.repetitions,
            "s" if options.repetitions > 1 else ""))
        print("%-10s  %-9s  %9s  %8s  %9s  %11s  %s" % (
            "phase", "tool", "seconds", "ours by", "MB memory", "differences",
            "exit"))
        for phase in PHASES:
            ours = self.runs.get(("rehome", phase))
            for name in self.tools:
                run = self.runs[name, phase]
                seconds = statistics.median(run.seconds)
                ratio = "" if name == "rehome" or ours is None else \
                    "%.2f" % (statistics.median(ours.seconds) / seconds)
                print("%-10s  %-9s  %9.2f  %8s  %9.1f  %11s  %d" % (
                    phase, name, seconds, ratio, run.memory,
                    run.wrong if phase != "re-run" else "", run.code),
                    flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="small,mixed,large",
                        help="some of small,mixed,large")
    parser.add_argument("--format", default="maildir",
                        choices=("maildir", "sdbox", "mdbox"))
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--delay", type=float, default=0,
                        help="ms of round trip that are added on both sides")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0,
                        help="of the number of messages")
    parser.add_argument("--tools", default="", help="some of those installed")
    parser.add_argument("--quick", action="store_true",
                        help="a few messages, once: whether it works")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.scale, options.repetitions = 0.02, 1
    options.tools = [name for name in options.tools.split(",") if name]
    return options


def main():
    options = arguments()
    for corpus in options.corpus.split(","):
        with Scratch("rehome-bench-copy") as scratch:
            bench = Bench(scratch, options)
            for repetition in range(options.repetitions):
                bench.repeat(corpus, repetition)
            bench.print(corpus)


if __name__ == "__main__":
    main()
