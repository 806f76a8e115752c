# SPDX-License-Identifier: BSD-2-Clause
"""The live view of rehome(1) on a terminal of its own: drawn, redrawn in every
size, told of events, left by q and by Ctrl-C, and the terminal put back."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

BUILD = os.environ.get("REHOME_BUILD", ".")
REHOME = os.path.join(BUILD, "ctl/rehome")
POLICYD = os.path.join(BUILD, "policyd/rehome-policyd")
CONFIGURATION = """
policyd {{ control = "unix:{0}/control" policy = "unix:{0}/policy"
    store = "bdb:{0}/store" user = "" group = "" }}
queue {{ list = "" flush = "" }}
log {{ facility = "stderr" }}
domain "example.org" {{ default = "old" }}
system "old" {{ imap = "imap://127.0.0.1:1" deliver = "smtp:[127.0.0.1]:1" }}
system "new" {{ imap = "imap://127.0.0.1:1" deliver = "smtp:[127.0.0.1]:1" }}
copier {{ state = "{0}" user = "" group = "" }}
"""
ENTER, LEAVE = b"\033[?1049h", b"\033[?1049l"
COLOUR = re.compile(rb"\033\[[0-9;]*m")


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, arguments, rows=24, columns=100, **environment):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Whoever runs the tests in the background may ignore it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", TZ="UTC")
            os.environ.pop("NO_COLOR", None)
            os.environ.update(environment)
            os.execv(arguments[0], arguments)
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what comes within that time; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data
        return bool(data)

    def wait(self, text, seconds=10):
        """Until the text has come after what was waited for before."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError("%r did not come, but %r" % (
                    text, self.seen[-2000:]))
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def screen(self):
        """The lines of a drawing that begins from now on."""
        while select.select([self.fd], [], [], 0)[0] and self.read(0):
            pass
        self.seen = b""
        self.wait(b"\033[H")
        deadline = time.monotonic() + 10
        while b"\033[H" not in self.seen:
            if time.monotonic() > deadline or not self.read(1):
                raise AssertionError("no second drawing came")
        text = COLOUR.sub(b"", self.seen.split(b"\033[H")[0])
        text = text.replace(b"\033[K", b"").replace(b"\033[J", b"")
        return [line.rstrip() for line in text.decode().split("\n")]

    def wait_screen(self, condition, seconds=10):
        """The first drawing for which the condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            lines = self.screen()
            if condition(lines):
                return lines
            assert time.monotonic() < deadline, lines

    def end(self):
        """Its exit status; what it printed is in seen."""
        deadline = time.monotonic() + 30
        while self.read(1):
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError("it does not end: %r" % self.seen[-500:])
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Site:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="rehome-live-")
        self.config = os.path.join(self.directory, "rehome.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(self.directory))
        self.policyd = None

    def start(self):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.policyd = subprocess.Popen(
                [POLICYD, "-c", self.config], stderr=log)
        deadline = time.monotonic() + 10
        while self.rehome("status").returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError("policyd does not answer")
            time.sleep(0.05)

    def stop(self):
        self.policyd.terminate()
        assert self.policyd.wait(10) == 0, "policyd did not end well"

    def close(self):
        if self.policyd is not None and self.policyd.poll() is None:
            self.policyd.kill()
            self.policyd.wait()
        shutil.rmtree(self.directory)

    def rehome(self, *arguments):
        return subprocess.run([REHOME, "-c", self.config, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=20,
                              check=False)

    def live(self, *arguments, **keywords):
        return Terminal([REHOME, "-c", self.config, *arguments], **keywords)

    def worker(self, verb, **attributes):
        """A request to policyd as the copier makes it."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.join(self.directory, "control"))
            client.sendall(("request=%s\n%s\n" % (verb, "".join(
                "%s=%s\n" % pair for pair in attributes.items()))).encode())
            reply = b""
            while not reply.endswith(b"\n\n"):
                reply += client.recv(65536)
            assert reply.startswith(b"status=ok\n"), reply


def shows_what_moves(site):
    terminal = site.live("status", "--watch")
    terminal.wait(ENTER)
    terminal.wait(b"nothing is moving")
    site.rehome("move", "ann@example.org")
    terminal.wait(b"move to new requested")
    site.worker("lease", worker="host/1")
    site.worker("enter", address="ann@example.org", epoch=1, phase="copying")
    for done in (0, 50):
        site.worker("renew", address="ann@example.org", epoch=1, round="live",
                    folder="Archive/2025", messages_done=done,
                    messages_total=100, bytes_done=done * 1000)
        time.sleep(0.3)
    half = re.compile(r"^ann@example.org +copying +\[=+>? *\] +50% +50/100 .*"
                      r"[kM]?B/s +\d:\d\d +Archive/?")
    terminal.wait_screen(
        lambda lines: any(half.search(line) for line in lines))
    for rows, columns in ((10, 50), (3, 20), (1, 1), (50, 200), (24, 80)):
        terminal.resize(rows, columns)
        terminal.wait_screen(lambda lines: len(lines) <= rows and all(
            len(line) <= columns for line in lines))
    os.write(terminal.fd, b"q")
    terminal.wait(LEAVE)
    assert terminal.end() == 0


def puts_the_terminal_back(site):
    untouched = os.openpty()
    before = termios.tcgetattr(untouched[0])
    for leave in (b"q", b"\003"):
        terminal = site.live("status", "--watch")
        terminal.wait(ENTER)
        terminal.screen()
        assert not termios.tcgetattr(terminal.fd)[3] & termios.ECHO
        os.write(terminal.fd, leave)
        terminal.wait(LEAVE)
        assert termios.tcgetattr(terminal.fd) == before
        assert terminal.end() == 0
    terminal = site.live("status", "--watch")
    terminal.wait(ENTER)
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait(LEAVE)
    assert terminal.end() == 0
    for descriptor in untouched:
        os.close(descriptor)


def colours_when_wanted(site):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = site.live("status", "--watch", **environment)
        terminal.wait(ENTER)
        terminal.screen()
        assert bool(COLOUR.search(terminal.seen)) == coloured
        os.write(terminal.fd, b"q")
        assert terminal.end() == 0
    terminal = site.live("status", "--watch", TERM="dumb")
    terminal.wait(b"policyd ")
    assert b"\033" not in terminal.seen
    os.write(terminal.fd, b"\003")
    assert terminal.end() == -signal.SIGINT
    terminal = site.live("list")
    terminal.wait(b"ann@example.org")
    assert terminal.end() == 0
    assert b"\033" not in terminal.seen


def lives_through_a_restart(site):
    terminal = site.live("status", "--watch")
    terminal.wait(b"ann@example.org")
    site.stop()
    terminal.wait(b"policyd stops")
    site.start()
    lines = terminal.wait_screen(lambda lines: lines[-1] == "q quits")
    assert any(line.startswith("ann@example.org") for line in lines), lines
    site.rehome("hold", "ann@example.org", "--reason", "just so")
    terminal.wait(b"held: just so")
    os.write(terminal.fd, b"q")
    assert terminal.end() == 0
    site.rehome("resume", "ann@example.org")


def waits_for_moves(site):
    site.rehome("cancel", "ann@example.org")
    terminal = site.live("move", "bob@example.org", "--wait")
    terminal.wait(ENTER)
    terminal.wait(b"1 followed")
    site.rehome("cancel", "bob@example.org")
    terminal.wait(LEAVE)
    terminal.wait(b"rehome: move bob@example.org: cancelled")
    assert terminal.end() == 1
    terminal = site.live("move", "bob@example.org", "--wait")
    terminal.wait(b"1 followed")
    os.write(terminal.fd, b"q")
    terminal.wait(LEAVE)
    terminal.wait(b"1 move not over yet")
    assert terminal.end() == os.EX_TEMPFAIL
    site.rehome("cancel", "bob@example.org")


def prints_lines_elsewhere(site):
    """Without a terminal: totals, then one line per event, also of JSON."""
    path = os.path.join(site.directory, "lines")
    with open(path, "wb") as out:
        watches = [subprocess.Popen(
            [REHOME, "-c", site.config, *options, "status", "--watch"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            for options in ((), ("--json",))]

    def wait(text, count=1):
        deadline = time.monotonic() + 10
        while True:
            with open(path, encoding="utf-8") as lines:
                seen = lines.read()
            if seen.count(text) >= count:
                return
            assert time.monotonic() < deadline, (text, seen)
            time.sleep(0.05)

    try:
        wait("policyd ")
        wait('"accounts":2')
        site.rehome("hold", "ann@example.org", "--reason", "before")
        wait("ann@example.org  held by ")
        wait('"hold_reason":"before"')
        site.stop()
        wait("policyd stops; trying again until it is back", 2)
        site.start()
        wait("policyd is back", 2)
        site.rehome("hold", "bob@example.org", "--reason", "after")
        wait("bob@example.org  held by ")
        wait('"hold_reason":"after"')
        assert all(watch.poll() is None for watch in watches)
    finally:
        for watch in watches:
            watch.kill()
            watch.wait()
    site.rehome("resume", "ann@example.org", "bob@example.org")


CASES = (shows_what_moves, puts_the_terminal_back, colours_when_wanted,
         lives_through_a_restart, waits_for_moves, prints_lines_elsewhere)


def main():
    site = Site()
    failed = False
    print("1..%d" % len(CASES))
    try:
        site.start()
        for who in ("ann", "bob"):
            site.rehome("add", who + "@example.org", "--source", "old",
                        "--destination", "new")
        for number, case in enumerate(CASES, 1):
            try:
                case(site)
                print("ok %d - %s" % (number, case.__name__))
            except (AssertionError, OSError) as error:
                failed = True
                print("# %s" % error)
                print("not ok %d - %s" % (number, case.__name__))
            sys.stdout.flush()
        site.stop()
    finally:
        site.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
