# SPDX-License-Identifier: BSD-2-Clause
"""What users are told when a password is wrong, a home or policyd is away;
signals; and what must not be taken."""

import imaplib
import os
import poplib
import signal
import smtplib
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from gateway import Front, Home, PASSWORD, submission_home  # noqa: E402
from scratch import Scratch, answers, wait_for  # noqa: E402
from sieve_client import Refused, Sieve, plain, unverified  # noqa: E402

ANN = "ann@example.org"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Site(Front):
    def __init__(self, lab, options="    timeout = 300ms\n", **settings):
        super().__init__(lab, tap.build_directory(), [ANN], options=options,
                         **settings)
        self.postfix = submission_home(lab, self.old)
        self.old.submit = "smtp://127.0.0.1:%d" % self.postfix.smtp
        self.rehome.write_configuration()

    def start(self):
        super().start()
        self.postfix.start()

    def imap(self, password=PASSWORD):
        client = imaplib.IMAP4("127.0.0.1", self.port("imap"), 20)
        client.login(ANN, password)
        return client

    def refusals(self, password=PASSWORD):
        """The words of each protocol for a login that fails."""
        found = {}
        client = imaplib.IMAP4("127.0.0.1", self.port("imap"), 20)
        found["imap"] = tagged(client, password)
        pop = poplib.POP3("127.0.0.1", self.port("pop3"), timeout=20)
        pop.user(ANN)
        try:
            found["pop3"] = pop.pass_(password).decode()
        except poplib.error_proto as error:
            found["pop3"] = error.args[0].decode()
        mail = smtplib.SMTP("127.0.0.1", self.port("submission"), timeout=20)
        mail.ehlo("client.example.net")
        try:
            found["submission"] = "%d %s" % mail.login(ANN, password)
        except smtplib.SMTPAuthenticationError as error:
            found["submission"] = "%d %s" % (error.smtp_code,
                                             error.smtp_error.decode())
        sieve = Sieve(self.port("sieve"))
        try:
            found["sieve"] = sieve.authenticate(
                "PLAIN", plain(ANN, password)).decode()
        except Refused as refusal:
            found["sieve"] = str(refusal)
        for connection in (client.sock, pop.sock, mail.sock, sieve.socket):
            connection.close()
        return found


def tagged(client, password):
    client.send(b"T LOGIN %s %s\r\n" % (ANN.encode(), password.encode()))
    while True:
        line = client.readline()
        if not line or line.startswith(b"T "):
            return line.decode().strip()


def expect(found, wanted):
    for protocol, words in wanted.items():
        check(found[protocol].startswith(words), (protocol, found[protocol]))


LATER = {"imap": "T NO [UNAVAILABLE] ", "pop3": "-ERR [SYS/TEMP] ",
         "submission": "454 4.3.0 ", "sieve": "NO (TRYLATER) "}


def wrong_passwords_and_homes_that_are_away():
    with Scratch("rehome-gateway-faults") as lab:
        site = Site(lab)
        site.start()
        expect(site.refusals("wrong"), {
            "imap": "T NO [AUTHENTICATIONFAILED] Authentication failed.",
            "pop3": "-ERR [AUTH] Authentication failed.",
            "submission": "535 5.7.8 Error: authentication failed",
            "sieve": "NO "})
        check("denied: Authentication failed." in site.gateway.log(),
              site.gateway.log())
        check("wrong" not in site.gateway.log(), "a password in the log")
        site.old.stop()
        site.postfix.stop()
        expect(site.refusals(), LATER)
        # it was the same session that failed and comes in
        client = imaplib.IMAP4("127.0.0.1", site.port("imap"), 20)
        check("UNAVAILABLE" in tagged(client, PASSWORD), "later")
        site.old.start()
        check(tagged(client, PASSWORD).startswith("T OK"), "home is back")
        client.state = "AUTH"
        check(client.select()[0] == "OK", "select")
        client.logout()


def policyd_goes_and_comes():
    with Scratch("rehome-gateway-policyd") as lab:
        site = Site(lab, gateway_lease="8s")
        site.start()
        session = site.imap()
        site.scratch.stop("policyd", signal.SIGKILL)
        began = time.monotonic()
        expect(site.refusals(), LATER)
        check(time.monotonic() - began < 8, "waited for too long")
        site.rehome.start_policyd()
        wait_for(lambda: site.refusals()["imap"].startswith("T OK"), 10,
                 "logins to go on")
        check(session.noop()[0] == "OK", "the session of before")
        # away for longer than the lease: an account could be moved by then
        site.scratch.stop("policyd", signal.SIGKILL)
        began = time.monotonic()
        check(session.noop()[0] == "OK", "at once")
        line = session.readline()
        took = time.monotonic() - began
        check(line.startswith(b"* BYE [UNAVAILABLE]"), line)
        check(3 < took < 8, took)
        site.rehome.start_policyd()
        wait_for(lambda: site.refusals()["imap"].startswith("T OK"), 10,
                 "logins to go on")


def signals():
    with Scratch("rehome-gateway-signals") as lab:
        site = Site(lab, forms=("none", "implicit"),
                    options="    drain = 2s\n")
        site.start()
        session = site.imap()
        config = open(site.rehome.config, encoding="utf-8").read()
        with open(site.rehome.config, "w", encoding="utf-8") as out:
            out.write(config.replace("drain = 2s", "drain = no"))
        os.kill(site.gateway.pid(), signal.SIGHUP)
        wait_for(lambda: "reload refused" in site.gateway.log(), 5, "refusal")
        with open(site.rehome.config, "w", encoding="utf-8") as out:
            out.write(config.replace("127.0.0.1:%d\"" % site.old.imap,
                                     "127.0.0.1:%d\"" % site.new.imap))
        os.kill(site.gateway.pid(), signal.SIGHUP)
        wait_for(lambda: "configuration reloaded" in site.gateway.log(), 5,
                 "reload")
        check(session.noop()[0] == "OK", "a session of before")
        site.old.stop()  # logins go where the new configuration says
        second = site.imap()
        quiet = socket.create_connection(("127.0.0.1", site.port("imap")), 20)
        greeting = quiet.recv(1000)
        check(b"gw.example.org ready" in greeting, greeting)
        # one that never begins its handshake is not waited for
        silent = socket.create_connection(
            ("127.0.0.1", site.port("imap", "implicit")), 20)
        began = time.monotonic()
        os.kill(site.gateway.pid(), signal.SIGTERM)
        check(quiet.recv(1000).startswith(b"* BYE"), "not logged in")
        wait_for(lambda: not answers(site.port("imap")), 5, "no new ones")
        check(second.noop()[0] == "OK", "a session in the drain")
        check(second.readline().startswith(b"* BYE"), "its end")
        check(time.monotonic() - began > 1.5, "too early")
        check(silent.recv(1) == b"", "no end of the silent one")
        site.scratch.children["gateway"].wait(5)
        check(site.scratch.children["gateway"].returncode == 0, "exit status")
        log = site.gateway.log()
        check("cut off" not in log, log)


def nothing_in_the_clear():
    """STARTTLS listeners take no password before it, and nothing that was said
    in the clear behind it."""
    with Scratch("rehome-gateway-clear") as lab:
        site = Site(lab, forms=("start",))
        site.start()
        # who says more in the packet of STARTTLS is refused, not heard
        port = site.port
        for protocol, begin, injected in (
                ("imap", b"S STARTTLS\r\n", b"X NOOP\r\n"),
                ("pop3", b"STLS\r\n", b"QUIT\r\n"),
                ("submission", b"EHLO x\r\nSTARTTLS\r\n", b"NOOP\r\n"),
                ("sieve", b"STARTTLS\r\n", b"LOGOUT\r\n")):
            client = socket.create_connection(
                ("127.0.0.1", port(protocol, "start")), 20)
            client.sendall(begin + injected)
            said = read_all(client)
            check(b"nothing may follow STARTTLS" in said, (protocol, said))
            check(b"NOOP" not in said and b"bye" not in said, said)
        client = imaplib.IMAP4("127.0.0.1", port("imap", "start"), 20)
        check("LOGINDISABLED" in client.capabilities, client.capabilities)
        check("PRIVACYREQUIRED" in tagged(client, PASSWORD), "in the clear")
        client.starttls(unverified())
        client.login(ANN, PASSWORD)
        client.logout()
        mail = smtplib.SMTP("127.0.0.1", port("submission", "start"),
                            timeout=20)
        mail.ehlo("client.example.net")
        check("auth" not in mail.esmtp_features, mail.esmtp_features)
        check(mail.docmd("AUTH PLAIN AGEAYg==")[0] == 538, "AUTH")
        check(mail.docmd("MAIL FROM:<%s>" % ANN)[0] == 530, "MAIL")


def read_all(client):
    said = b""
    while data := client.recv(65536):
        said += data
    return said


def homes_know_the_client():
    """The address that a client comes from is in the home's log."""
    with Scratch("rehome-gateway-address") as lab:
        old = Home(lab, "old", client_address="xclient")
        front = Front(lab, tap.build_directory(), [ANN], old=old)
        front.start()
        client = imaplib.IMAP4("127.0.0.1", front.port("imap"))
        client.shutdown()
        for protocol, words in (
                ("imap", b"A LOGIN %s %s\r\nB LOGOUT\r\n"),
                ("pop3", b"USER %s\r\nPASS %s\r\nQUIT\r\n")):
            connection = socket.create_connection(
                ("127.0.0.1", front.port(protocol)), 20,
                source_address=("127.0.0.77", 0))
            connection.sendall(words % (ANN.encode(), PASSWORD.encode()))
            read_all(connection)
            wait_for(lambda: protocol + "-login: Info: Login" in
                     open(old.directory + "/dovecot.log").read(), 5, "login")
        log = open(old.directory + "/dovecot.log", encoding="utf-8").read()
        logins = [line for line in log.splitlines() if "Info: Login" in line]
        check(all("rip=127.0.0.77," in line for line in logins), logins)


if __name__ == "__main__":
    tap.main([wrong_passwords_and_homes_that_are_away, policyd_goes_and_comes,
              signals, nothing_in_the_clear, homes_know_the_client])
