# SPDX-License-Identifier: BSD-2-Clause
"""The milter by itself: scripted dialogues of miltertest, then what happens
when policyd or the milter is stopped, stuck, restarted or talking nonsense.
Needs no root and no mail server."""

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "lab"), HERE]

import tap  # noqa: E402
from mta import (ACCEPT, CONTINUE, LISTENS_TO_CONNECT, LISTENS_TO_MAIL,
                 NO_BODY, NO_DATA, NO_EOH, NO_HEADERS, NO_HELO, REPLY, STEPS,
                 MailServer)  # noqa: E402
from policyd_stub import DEFER, GO_ON, LATER, MOVING, PolicydStub  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402

CONFIGURATION = """
policyd {{
    policy = "unix:{directory}/policy"
    own_networks = {{ "127.0.0.0/8", "[::1]/128", "198.51.100.0/25" }}
}}
milter {{
    socket = "{socket}"
    user = ""
    group = ""
    mode = "{mode}"
    timeout = "{timeout}"
}}
log {{
    facility = "stderr"
    level = "debug"
}}
"""
DOMAIN = 'domain "{name}" {{\n    default = "pass"\n}}\n'
TIMEOUT = 1.0  # milter.timeout in the tests of it, seconds


class Milter:
    """The milter under test and its stand-in for policyd."""

    def __init__(self, scratch, timeout):
        self.scratch = scratch
        self.timeout = timeout
        self.directory = scratch.path
        self.path = scratch.path + "/milter"
        self.policyd = PolicydStub(scratch.path + "/policy")
        self.program = os.path.join(tap.build_directory(),
                                    "milter/rehome-milter")
        if not os.access(self.program, os.X_OK):
            raise tap.Skip("%s is not built" % self.program)
        self.config = scratch.path + "/rehome.conf"
        self.configure()

    def configure(self, domains=("example.org", "example.test"),
                  mode="0600", socket_name=None):
        text = CONFIGURATION.format(
            directory=self.directory, mode=mode,
            timeout="%dms" % (self.timeout * 1000),
            socket=socket_name or "unix:" + self.path)
        self.scratch.file("rehome.conf", text=text + "".join(
            DOMAIN.format(name=name) for name in domains))

    def start(self):
        self.child = self.scratch.spawn(
            "milter", [self.program, "-c", self.config])
        wait_for(self.is_up, 10, "the milter to serve")

    def is_up(self):
        if self.child.poll() is not None:
            raise RuntimeError("the milter ended: " + self.log())
        return "serves on" in self.log()

    def log(self):
        return self.scratch.log("milter")

    def session(self, **client):
        server = MailServer(self.path)
        server.client(**client)
        return server


@contextlib.contextmanager
def milter(start=True, timeout=15):
    with Scratch("rehome-milter") as scratch:
        subject = Milter(scratch, timeout)
        subject.policyd.start()
        try:
            if start:
                subject.start()
            yield subject
            if start:
                scratch.stop("milter")
                assert subject.child.returncode == 0, subject.log()
        except Exception:
            sys.stderr.write(subject.log())
            raise
        finally:
            subject.policyd.stop()


def dialogue(name):
    """One script of miltertest."""
    if not shutil.which("miltertest"):
        raise tap.Skip("miltertest is not installed")
    with milter() as subject:
        subject.policyd.replies = {
            "moving@example.org": [MOVING],
            "parked@example.org": [MOVING],
            "frozen@example.org": [DEFER],
            "frozen@EXAMPLE.Org": [DEFER],
            "frozen@example.org.": [DEFER],
            "@relay.example:frozen@example.org": [DEFER],
            "frozen@example.com": [DEFER],
            "frozen@sub.example.org": [DEFER],
            "postmaster": [DEFER],
            "lost@example.org": [LATER],
            "freezes@example.org": [MOVING, DEFER],
            "freezes2@example.org": [MOVING, DEFER],
            "loses@example.org": [MOVING, LATER],
        }
        done = subprocess.run(
            ["miltertest", "-s", os.path.join(HERE, name + ".lua"), "-D",
             "socket=unix:" + subject.path, "-D", "directory=" + HERE],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        assert done.returncode == 0, done.stdout


def dialogue_rcpt():
    dialogue("rcpt")


def dialogue_own():
    dialogue("own")


def dialogue_data():
    dialogue("data")


def dialogue_eom():
    dialogue("eom")


def later(answer, enhanced="4.3.0"):
    """Asserts a refusal for now."""
    letter, text = answer
    assert letter == REPLY and text.startswith("451 " + enhanced), answer


def negotiates_only_what_it_needs():
    with milter() as subject:
        server = MailServer(subject.path)
        assert server.steps == (
            NO_HELO | NO_BODY | NO_HEADERS | NO_EOH | 0x100
            | LISTENS_TO_CONNECT | LISTENS_TO_MAIL), hex(server.steps)
        assert b"{auth_authen}" in server.macros_wanted
        server.quit()
        # Sendmail 8.13 and its like: no "no reply", no DATA
        old = MailServer(subject.path, steps=0x7f)
        assert old.steps == NO_HELO | NO_BODY | NO_HEADERS | NO_EOH
        assert not old.steps & NO_DATA
        assert old.client() == (CONTINUE, "")
        assert old.mail() == (CONTINUE, "")
        subject.policyd.replies["ann@example.org"] = [MOVING, DEFER]
        assert old.rcpt("<ann@example.org>") == (CONTINUE, "")
        later(old.end(), "4.2.1")
        old.quit()


def says_why():
    with milter() as subject:
        subject.policyd.replies["ann@example.org"] = [
            dict(DEFER, text="<ann@example.org> mailbox is being moved")]
        subject.policyd.replies["50%@example.org"] = [
            dict(DEFER, text="<50%@example.org> mailbox is being moved")]
        server = subject.session()
        server.mail()
        assert server.rcpt("<ann@example.org>") == (
            REPLY, "451 4.2.1 <ann@example.org> mailbox is being moved")
        # mail servers take it for a format and undo this
        assert server.rcpt("<50%@example.org>") == (
            REPLY, "451 4.2.1 <50%%@example.org> mailbox is being moved")
        subject.policyd.replies["Ann+Lists@EXAMPLE.org"] = [DEFER]
        later(server.rcpt("<Ann+Lists@EXAMPLE.org>"), "4.2.1")
        server.quit()
        for address in ("ann@example.org", "50%@example.org",
                        "ann+lists@example.org"):
            assert re.search("account=%s session=[0-9a-f.]+ queue=none RCPT: "
                             "451 4.2.1\n" % re.escape(address),
                             subject.log()), address


def tells_local_submission():
    with milter() as subject:
        subject.policyd.replies["ann@example.org"] = [DEFER]
        for own, client in (
                (True, {"address": "127.0.0.1", "port": 0}),
                (True, {"address": "::1", "port": 0}),
                (True, {"address": "::ffff:198.51.100.9"}),
                (True, {"address": None, "name": "localhost"}),
                (False, {"address": None, "name": "unknown"}),
                (False, {"address": "192.0.2.1", "port": 0}),
                (False, {"address": "2001:db8::1"})):
            server = subject.session(**client)
            server.mail()
            letter, _ = server.rcpt("<ann@example.org>")
            assert letter == (CONTINUE if own else REPLY), client
            server.quit()


def forgets_the_login_before():
    """Mail servers send no macro that has no value; libmilter remembers."""
    with milter() as subject:
        subject.policyd.replies["ann@example.org"] = [DEFER]
        server = subject.session()
        answers, at_data, _ = server.message("ann@example.org", login="ann")
        assert answers["ann@example.org"] == (CONTINUE, ""), answers
        assert at_data == (ACCEPT, "")
        answers, _, _ = server.message("ann@example.org")
        later(answers["ann@example.org"], "4.2.1")
        server.quit()


def forgets_the_client_before():
    """The next client in the same milter session. (libmilter lets that
    happen only after an end of message: hence a mail server without DATA.)"""
    with milter() as subject:
        subject.policyd.replies["ann@example.org"] = [DEFER]
        server = MailServer(subject.path, steps=0x7f)
        for address in ("127.0.0.1", "192.0.2.1", "127.0.0.1"):
            server.client(address=address)
            server.mail()
            letter, _ = server.rcpt("<ann@example.org>")
            if address == "127.0.0.1":
                assert letter == CONTINUE
            else:
                assert letter == REPLY
                server.rcpt("<bob@example.org>")
            assert server.end() == (CONTINUE, "")
            server.next_client()
        server.quit()


def takes_strange_recipients():
    with milter() as subject:
        server = subject.session()
        server.mail()
        for recipient in ("<>", "", "@", "<@>", "<ann@>", "<@example.org",
                          "ann@example.org>", "<\"a@b\"@example.com>",
                          "<" + "x" * 5000 + "@example.com>",
                          "<ann@" + "x" * 5000 + ">", "<%s%n@example.com>",
                          "<ann@[127.0.0.1]>", "<\xff\xfe@example.com>"):
            assert server.rcpt(recipient)[0] == CONTINUE, recipient
        # in a managed domain policyd is asked, whatever the local part
        for recipient in ("\"a@b\"@example.org", "x" * 3000
                          + "@example.org", "request=x@example.org"):
            subject.policyd.replies[recipient] = [DEFER]
            later(server.rcpt("<%s>" % recipient), "4.2.1")
        # but never with what would break the protocol for others
        connections = subject.policyd.connections
        later(server.rcpt("<a\x01b@example.org>"))
        later(server.rcpt("<a\nown=yes\n\nb@example.org>"))
        assert server.rcpt("<ann@example.org>") == (CONTINUE, "")
        assert subject.policyd.connections == connections
        server.quit()


def policyd_absent():
    with milter() as subject:
        subject.policyd.stop()
        server = subject.session()
        answers, _, _ = server.message("ann@example.org", "bob@example.test")
        for answer in answers.values():
            later(answer)
        # other domains and own users do not depend on policyd
        answers, at_data, _ = server.message("ann@example.com")
        assert answers == {"ann@example.com": (CONTINUE, "")}, answers
        assert at_data == (ACCEPT, "")
        answers, at_data, _ = server.message("ann@example.org", login="ann")
        assert answers == {"ann@example.org": (CONTINUE, "")}, answers
        assert "Connection refused" in subject.log() \
            or "No such file" in subject.log()
        # and is back without anything being restarted
        subject.policyd.start()
        answers, at_data, _ = server.message("ann@example.org")
        assert answers == {"ann@example.org": (CONTINUE, "")}, answers
        server.quit()


def policyd_restarted():
    """Connections of the old process are replaced unseen."""
    with milter() as subject:
        servers = [subject.session() for _ in range(5)]
        for _ in range(3):
            threads = [threading.Thread(
                target=server.message, args=("ann@example.org",))
                for server in servers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            subject.policyd.stop()
            subject.policyd.start()
            for server in servers:
                answers, _, _ = server.message("ann@example.org")
                assert answers["ann@example.org"] == (CONTINUE, "")
        assert "4.3.0" not in subject.log()
        for server in servers:
            server.quit()


def policyd_gone_before_the_end():
    with milter() as subject:
        subject.policyd.replies["ann@example.org"] = [MOVING]
        server = subject.session()
        server.mail()
        assert server.rcpt("<ann@example.org>") == (CONTINUE, "")
        assert server.data() == (CONTINUE, "")
        subject.policyd.stop()
        later(server.end())
        server.quit()
        assert "end of message: 451 4.3.0" in subject.log()


def policyd_stuck():
    """No callback takes longer than milter.timeout, however many wait, and the
    workers of libmilter are not pinned one round after the other."""
    with milter(timeout=TIMEOUT) as subject:
        subject.policyd.misbehaviour = "hang"
        took = []

        def ask(server):
            server.mail()
            begin = time.monotonic()
            later(server.rcpt("<ann@example.org>"))
            took.append(time.monotonic() - begin)

        servers = [subject.session() for _ in range(80)]
        threads = [threading.Thread(target=ask, args=(server,))
                   for server in servers]
        # before the first has given up, so that all of them are still open
        seen = []
        threading.Timer(TIMEOUT / 2, lambda: seen.append(
            subject.policyd.connections)).start()
        for thread in threads:
            thread.start()
        other = subject.session()
        other.mail()
        begin = time.monotonic()
        assert other.rcpt("<ann@example.com>") == (CONTINUE, "")
        assert time.monotonic() - begin < TIMEOUT + 1, "another domain waited"
        for thread in threads:
            thread.join()
        assert len(took) == 80, "some were not deferred"
        assert max(took) < TIMEOUT + 1.5, max(took)
        assert 0 < seen[0] <= 64, "the pool has no bound: %d" % seen[0]
        # for a while nobody waits at all
        begin = time.monotonic()
        later(servers[0].rcpt("<ann@example.org>"))
        assert time.monotonic() - begin < TIMEOUT / 2
        assert "no answer in time a moment ago" in subject.log()
        # a late answer is nobody's: the connections are not used again
        subject.policyd.misbehaviour = None
        subject.policyd.replies["ann@example.org"] = [DEFER]
        wait_for(lambda: servers[0].rcpt("<eve@example.org>")[0] == CONTINUE,
                 5, "policyd to be asked again", 0.1)
        for server in servers[:10]:
            later(server.rcpt("<ann@example.org>"), "4.2.1")
            assert server.rcpt("<eve@example.org>") == (CONTINUE, "")


def policyd_slow_at_the_end():
    """All recipients of a message share one time limit."""
    with milter(timeout=TIMEOUT) as subject:
        names = ["r%d@example.org" % each for each in range(10)]
        subject.policyd.replies = {name: [MOVING] for name in names}
        server = subject.session()
        server.mail()
        for name in names:
            assert server.rcpt("<%s>" % name) == (CONTINUE, "")
        assert server.data() == (CONTINUE, "")
        subject.policyd.delay = 0.4
        begin = time.monotonic()
        later(server.end())
        assert time.monotonic() - begin < TIMEOUT + 0.8
        server.quit()


def policyd_talks_nonsense():
    for how in ("close", "half", "garbage", "twice", "error"):
        with milter() as subject:
            server = subject.session()
            server.mail()
            assert server.rcpt("<ann@example.org>") == (CONTINUE, "")
            subject.policyd.misbehaviour = how
            later(server.rcpt("<ann@example.org>"))
            later(server.rcpt("<ann@example.org>"))
            subject.policyd.misbehaviour = None
            assert server.rcpt("<ann@example.org>") == (CONTINUE, "")
            server.quit()
            if how == "error":
                assert "the store cannot be read" in subject.log()


def many_sessions():
    """Twenty at once, some thousand decisions; every one is the right one."""
    with milter() as subject:
        replies = {"settled": [GO_ON], "moving": [MOVING],
                   "frozen": [DEFER], "lost": [LATER]}
        subject.policyd.replies = {
            "%s%d@example.org" % (name, each): reply
            for name, reply in replies.items() for each in range(20)}
        failures = []

        def one(number):
            try:
                server = subject.session()
                for _ in range(25):
                    answers, at_data, at_end = server.message(
                        *("%s%d@example.org" % (name, number)
                          for name in replies))
                    got = [answer[0] for answer in answers.values()]
                    assert got == [CONTINUE, CONTINUE, REPLY, REPLY], got
                    assert at_data == (CONTINUE, "")
                    assert at_end == (CONTINUE, "")
                server.quit()
            except Exception as failure:
                failures.append(failure)

        threads = [threading.Thread(target=one, args=(number,))
                   for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert len(subject.policyd.asked) == 20 * 25 * 5
        assert subject.policyd.connections <= 20


def reloads():
    with milter() as subject:
        subject.policyd.replies["ann@example.com"] = [DEFER]
        server = subject.session()
        server.mail()
        assert server.rcpt("<ann@example.com>") == (CONTINUE, "")
        subject.configure(domains=("example.org", "example.com"))
        # a storm: libmilter would take any of them as an order to stop
        for _ in range(1000):
            subject.child.send_signal(signal.SIGHUP)
        wait_for(lambda: "read again" in subject.log(), 15, "the reload")
        # the message under way keeps what it began with
        assert server.rcpt("<ann@example.com>") == (CONTINUE, "")
        server.mail()
        later(server.rcpt("<ann@example.com>"), "4.2.1")
        # a bad configuration changes nothing
        subject.configure(domains=())
        subject.child.send_signal(signal.SIGHUP)
        wait_for(lambda: "old configuration stays" in subject.log(), 15,
                 "the refusal")
        server.mail()
        later(server.rcpt("<ann@example.com>"), "4.2.1")
        server.quit()
        assert subject.child.poll() is None


def stops_at_once():
    for how in (signal.SIGTERM, signal.SIGINT):
        with milter() as subject:
            idle = subject.session()
            subject.policyd.misbehaviour = "hang"
            busy = subject.session()
            busy.mail()
            busy.send_rcpt("<ann@example.org>")
            time.sleep(0.2)
            begin = time.monotonic()
            subject.child.send_signal(how)
            assert subject.child.wait(5) == 0
            assert time.monotonic() - begin < 2
            assert not os.path.exists(subject.path)
            # the mail server sees its sessions end, and defers
            try:
                idle.rcpt("<ann@example.org>")
                raise AssertionError("the session lives on")
            except (EOFError, OSError):
                pass


def replaces_a_stale_socket():
    with milter(start=False) as subject:
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(subject.path)
        stale.close()
        subject.start()
        server = subject.session()
        server.quit()
        mode = stat.S_IMODE(os.stat(subject.path).st_mode)
        assert mode == 0o600, oct(mode)
        # but never one of a living milter
        second = subprocess.run(
            [subject.program, "-c", subject.config], timeout=20,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert second.returncode != 0
        assert "another process listens" in second.stdout, second.stdout
        subject.session().quit()
        subject.scratch.stop("milter")


def refuses_what_is_no_socket():
    with milter(start=False) as subject:
        with open(subject.path, "w", encoding="utf-8") as precious:
            precious.write("keep me")
        done = subprocess.run(
            [subject.program, "-c", subject.config], timeout=20,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode != 0
        with open(subject.path, encoding="utf-8") as precious:
            assert precious.read() == "keep me"


def serves_inet():
    with milter(start=False) as subject:
        port = subject.scratch.port()
        subject.configure(socket_name="inet:%d@127.0.0.1" % port)
        subject.start()
        probe = socket.create_connection(("127.0.0.1", port), 5)
        probe.close()
        subject.scratch.stop("milter")


def refuses_bad_configurations():
    with milter(start=False) as subject:
        subject.configure(domains=())
        for arguments, status in ((["-c", subject.config], 78),
                                  (["-c", subject.path + ".none"], 78),
                                  (["-x"], 64), (["extra"], 64),
                                  (["-V"], 0)):
            done = subprocess.run([subject.program, *arguments], timeout=20,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            assert done.returncode == status, (arguments, done)


if __name__ == "__main__":
    tap.main([dialogue_rcpt, dialogue_own, dialogue_data, dialogue_eom,
              negotiates_only_what_it_needs, says_why,
              tells_local_submission, forgets_the_login_before,
              forgets_the_client_before,
              takes_strange_recipients, policyd_absent, policyd_restarted,
              policyd_gone_before_the_end, policyd_stuck,
              policyd_slow_at_the_end, policyd_talks_nonsense,
              many_sessions, reloads, stops_at_once,
              replaces_a_stale_socket, refuses_what_is_no_socket,
              serves_inet, refuses_bad_configurations])
