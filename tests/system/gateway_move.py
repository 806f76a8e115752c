# SPDX-License-Identifier: BSD-2-Clause
"""A move under the eyes of its user: sessions are closed for the freeze when
they are at rest, logins are held until the flip, and what the old server was
told before is at the new one."""

import imaplib
import os
import poplib
import signal
import smtplib
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from gateway import Front, PASSWORD, submission_home  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from sieve_client import Refused, Sieve, plain  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Site(Front):
    """An account that is ready to be frozen, with some mail."""

    def __init__(self, lab, users=(ANN, BOB), **settings):
        self.postfix = None
        super().__init__(lab, tap.build_directory(), list(users), **settings)

    def fill(self, user, count=20):
        client = imaplib.IMAP4("127.0.0.1", self.old.imap)
        client.login(user, PASSWORD)
        for number in range(count):
            client.append("INBOX", "", None, b"Subject: %d\r\n\r\n" % number)
        client.create("Archive")
        client.logout()

    def make_ready(self, user):
        self.rehome.ctl("move", user, "--manual", "--freeze-budget", "15s")
        if "copier" not in self.scratch.children:
            self.rehome.start_copier()
        self.rehome.wait_phase(user, "ready")

    def copier(self, number):
        os.kill(self.scratch.children["copier"].pid, number)

    def freeze(self, user):
        self.rehome.ctl("freeze", user)
        self.rehome.wait_phase(user, "frozen")

    def imap(self, user):
        client = imaplib.IMAP4("127.0.0.1", self.port("imap"), 25)
        client.login(user, PASSWORD)
        return client


def lines_until(file, wanted, seconds=20):
    """Lines of a client up to one that begins so, which is the last."""
    lines, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        line = file.readline()
        lines.append(line)
        if line.startswith(wanted) or not line:
            return lines
    raise AssertionError("%r did not come: %r" % (wanted, lines[-3:]))


class Login(threading.Thread):
    """A login that is held: what the client was told, and when it was in."""

    def __init__(self, port, words, wanted):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port), 25)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.words, self.wanted = words, wanted
        self.lines, self.took = [], None
        self.start()

    def run(self):
        began = time.monotonic()
        self.socket.sendall(self.words)
        self.lines = lines_until(self.file, self.wanted)
        self.took = time.monotonic() - began


def closed_held_and_served_again():
    with Scratch("rehome-gateway-move") as lab:
        site = Site(lab)
        site.postfix = submission_home(lab, site.old)
        url = "smtp://127.0.0.1:%d" % site.postfix.smtp
        site.old.submit = site.new.submit = url
        site.rehome.write_configuration()
        site.start()
        site.postfix.start()
        site.fill(ANN)
        site.make_ready(ANN)

        idle = site.imap(ANN)
        idle.select()
        idle.send(b"I IDLE\r\n")
        lines_until(idle.file, b"+")
        pop = poplib.POP3("127.0.0.1", site.port("pop3"), timeout=25)
        pop.user(ANN)
        pop.pass_(PASSWORD)
        sieve = Sieve(site.port("sieve"))
        sieve.authenticate("PLAIN", plain(ANN, PASSWORD))
        mail = smtplib.SMTP("127.0.0.1", site.port("submission"), timeout=25)
        mail.ehlo("client.example.net")
        mail.login(ANN, PASSWORD)
        mail.mail(ANN)
        mail.rcpt("bob@example.com")

        site.copier(signal.SIGSTOP)
        site.rehome.ctl("freeze", ANN)
        lines = lines_until(idle.file, b"* BYE")
        check(b"[UNAVAILABLE]" in lines[-1], lines)
        check(idle.file.readline() == b"", "more behind the goodbye")
        line = pop.file.readline()
        check(line.startswith(b"-ERR"), line)
        try:
            raise AssertionError(sieve.call(b""))
        except Refused as goodbye:
            check(str(goodbye).startswith("BYE"), goodbye)
        # a mail that was begun is taken
        code, text = mail.data("Subject: in the freeze\r\n\r\nx\r\n")
        check(code == 250, (code, text))
        check(mail.getreply()[0] == 421, "goodbye of the submission")

        held = [Login(site.port("imap"), b"A LOGIN %s %s\r\nB NOOP\r\n" % (
                    ANN.encode(), PASSWORD.encode()), b"B OK"),
                Login(site.port("pop3"), b"USER %s\r\nPASS %s\r\nSTAT\r\n" % (
                    ANN.encode(), PASSWORD.encode()), b"+OK 20")]
        wait_for(lambda: site.gateway.log().count("held") >= 2, 10,
                 "logins to be held")
        site.copier(signal.SIGCONT)
        site.rehome.wait_phase(ANN, "sweeping", "settled")
        for login in held:
            login.join(20)
            check(login.took is not None, (login.lines, site.gateway.log()))
        check(any(b"[INPROGRESS" in line for line in held[0].lines),
              held[0].lines)
        check("system=new" in site.gateway.log(), site.gateway.log())
        after = site.imap(ANN)
        check(after.select()[1] == [b"20"], "mail at the new home")
        check(site.rehome.show(ANN)["home"] == "destination", "home")


def what_was_pipelined_is_at_the_new_home():
    """A client writes on without reading while its session is closed: what the
    old server did of it is at the new one, be it all or a part."""
    with Scratch("rehome-gateway-pipeline") as lab:
        users = [ANN, BOB, "carl@example.org"]
        site = Site(lab, users, gateway_close="400ms")
        site.start()
        for user in users:
            site.fill(user, 60)
            site.make_ready(user)
        whole = 0
        message = b"Subject: late\r\n\r\n" + b"x" * 60000 + b"\r\n"
        append = b"APPEND Archive {%d+}\r\n%s\r\n" % (len(message), message)
        for number, user in enumerate(users):
            client = site.imap(user)
            client.select()
            words = b"".join(b"P%d %s" % (at, append) for at in range(40))
            words += b"C COPY 1:60 Archive\r\nS STORE 1:30 +FLAGS \\Deleted\r\n"
            words += b"E EXPUNGE\r\n"
            words += b"".join(b"Q%d %s" % (at, append) for at in range(400))
            writer = threading.Thread(target=write_on, daemon=True,
                                      args=(client.sock, words))
            writer.start()
            time.sleep(0.03 * number)
            site.rehome.ctl("freeze", user)
            site.rehome.wait_phase(user, "sweeping", "settled")
            writer.join(20)
            client.sock.close()
            old = contents(site.old.imap, user)
            new = contents(site.new.imap, user)
            print("# %s: %s at the old server" % (
                user, {name: len(mail) for name, mail in old.items()}))
            check(old == new, "%s: the homes differ" % user)
            whole += len(old["Archive"]) >= 500
        check(whole < len(users), "no session was cut in the middle")


def write_on(connection, words):
    try:
        connection.sendall(words)
    except OSError:
        pass


def contents(port, user):
    """Subjects, sizes and flags by folder, read past the gateway."""
    client = imaplib.IMAP4("127.0.0.1", port)
    client.login(user, PASSWORD)
    found = {}
    for folder in ("INBOX", "Archive"):
        count = int(client.select(folder, readonly=True)[1][0])
        answer = client.fetch("1:*", "(RFC822.SIZE FLAGS)")[1] if count else []
        found[folder] = sorted(line.split(b" ", 1)[1].replace(b"\\Recent", b"")
                               .replace(b"( ", b"(") for line in answer)
    client.logout()
    return found


def the_first_login_waits_for_its_move():
    """Strategy login: a wrong password begins nothing; the right one is held
    while the whole account moves, and goes on at the new home."""
    with Scratch("rehome-gateway-first") as lab:
        site = Site(lab, (ANN,), gateway_wait="20s")
        site.start()
        site.fill(ANN)
        site.rehome.ctl("move", ANN, "--strategy", "login")
        site.rehome.start_copier()
        try:
            client = imaplib.IMAP4("127.0.0.1", site.port("imap"), 20)
            client.login(ANN, "wrong")
            raise AssertionError("let in")
        except imaplib.IMAP4.error:
            client.shutdown()
        time.sleep(1)
        check(site.rehome.show(ANN)["phase"] == "requested", "has begun")
        login = Login(site.port("imap"), b"A LOGIN %s %s\r\nB SELECT INBOX\r\n"
                      % (ANN.encode(), PASSWORD.encode()), b"B OK")
        login.join(25)
        check(login.took is not None, (login.lines, site.gateway.log(),
                                       lab.log("policyd")[-2000:]))
        check(any(b"[INPROGRESS" in line for line in login.lines), login.lines)
        check(b"* 20 EXISTS\r\n" in login.lines, login.lines)
        check(site.rehome.show(ANN)["home"] == "destination", "home")


if __name__ == "__main__":
    tap.main([the_first_login_waits_for_its_move, closed_held_and_served_again,
              what_was_pipelined_is_at_the_new_home])
