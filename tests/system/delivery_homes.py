# SPDX-License-Identifier: BSD-2-Clause
"""The delivery listener with real servers behind it: Dovecot and Cyrus by LMTP,
and a Postfix by SMTP, which queues what it has acknowledged: what lands at the
old server after the flip is carried over. In front: a client by TLS."""

import imaplib
import os
import ssl
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from gate import Gate  # noqa: E402
from gateway import Gateway  # noqa: E402
from ledger import inventory  # noqa: E402
from lmtp_client import LmtpClient  # noqa: E402
from postfix import Postfix  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, answers, wait_for  # noqa: E402

ANN, CAT = "ann@example.org", "cat@example.org"


class CyrusHome(Cyrus):
    """As a system of rehome.conf, only delivered to."""

    def system_section(self):
        return """
system "%s" {
    imap = "imap://127.0.0.1:%d"
    deliver = "lmtp:inet:127.0.0.1:%d"
    lmtp = "lmtp://127.0.0.1:%d"
}
""" % (self.name, self.imap, self.lmtp, self.lmtp)


class SmtpHome(Dovecot):
    """A Dovecot behind a Postfix of its own, which the gateway speaks to. A
    gate stands between the two."""

    def __init__(self, scratch, name):
        super().__init__(scratch, name)
        self.gate = Gate(scratch.port(), self.lmtp)
        scratch.undo.append(self.gate.close)
        self.gate.start()
        self.postfix = Postfix(
            scratch, os.path.join(self.directory, "auth-client"),
            extra="relay_transport = lmtp:inet:127.0.0.1:%d" % self.gate.port)

    def start(self):
        super().start()
        self.postfix.start()

    def system_section(self):
        return super().system_section().replace(
            "lmtp://127.0.0.1:%d" % self.lmtp,
            "smtp://127.0.0.1:%d" % self.postfix.smtp)


def message(number, body="hello"):
    return ("X-Ledger: %s\r\nSubject: %s\r\n\r\n%s\r\n"
            % (number, number, body)).encode()


def bench(scratch, old, new, form="none", **settings):
    gateway = Gateway(scratch, old, ("lmtp",), (form,))
    rehome = Rehome(scratch, tap.build_directory(), (old, new),
                    **gateway.settings(), **settings)
    old.start()
    new.start()
    rehome.start_policyd()
    return gateway, rehome


def dovecot_and_cyrus_in_one_transaction():
    with Scratch() as scratch:
        old, new = Dovecot(scratch, "old"), CyrusHome(scratch, "new")
        gateway, rehome = bench(scratch, old, new)
        wait_for(lambda: answers(new.lmtp), 10, "lmtpd")
        old.add_user(ANN)
        new.add_user(CAT)
        rehome.ctl("add", ANN, "--source", "old", "--destination", "new")
        rehome.ctl("add", CAT, "--source", "new", "--destination", "old")
        gateway.start(rehome)
        client = LmtpClient(gateway.port("lmtp"))
        assert "8BITMIME" in client.offers, client.offers
        for number in range(20):
            replies = client.send(message("n%d" % number, ".\r\n..x"), ANN,
                                  CAT, options=" BODY=8BITMIME")
            assert all(each.startswith("250 2") for each in replies), replies
        replies = client.send(message("no"), "nobody@example.org", CAT)
        assert replies[0].startswith("550 5.1.1"), replies
        assert replies[1].startswith("250 2"), replies
        client.close()
        session = imaplib.IMAP4("127.0.0.1", new.imap)
        session.login(CAT, PASSWORD)
        assert int(session.select("INBOX")[1][0]) == 21
        text = session.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1]
        assert text == b".\r\n..x\r\n", text
        session.logout()
        here, _ = inventory(old, ANN)
        assert sorted(here) == sorted("n%d" % number for number in range(20))


def stragglers_of_an_smtp_home_are_swept():
    with Scratch() as scratch:
        old, new = SmtpHome(scratch, "old"), Dovecot(scratch, "new")
        gateway, rehome = bench(scratch, old, new, settle="12s")
        old.add_user(ANN)
        rehome.ctl("add", ANN, "--source", "old", "--destination", "new")
        gateway.start(rehome)
        client = LmtpClient(gateway.port("lmtp"))
        assert client.send(message("before"), ANN)[0].startswith("250 2")
        wait_for(lambda: "before" in inventory(old, ANN)[0], 10, "the first")
        old.gate.hold()
        assert client.send(message("late"), ANN)[0].startswith("250 2")
        rehome.start_copier()
        rehome.ctl("move", ANN)
        rehome.wait_phase(ANN, "sweeping", "settled")
        # acknowledged, and not there: the home has queued it
        assert "late" not in inventory(new, ANN)[0]
        assert client.send(message("after"), ANN)[0].startswith("250 2")
        old.gate.release()
        wait_for(lambda: set(inventory(new, ANN)[0]) ==
                 {"before", "late", "after"}, 30, "the straggler", 0.2)
        assert "after" not in inventory(old, ANN)[0]
        assert all(len(copies) == 1
                   for copies in inventory(new, ANN)[0].values())


def clients_by_tls():
    with Scratch() as scratch:
        old, new = Dovecot(scratch, "old"), Dovecot(scratch, "new")
        for form in ("start", "implicit"):
            gateway, rehome = bench(scratch, old, new, form)
            if form == "start":
                old.add_user(ANN)
                rehome.ctl("add", ANN, "--source", "old", "--destination",
                           "new")
            gateway.start(rehome)
            context = ssl.create_default_context(cafile=old.certificate)
            client = Tls(gateway.port("lmtp", form), context, form)
            reply = client.send(message(form), ANN)[0]
            assert reply.startswith("250 2"), reply
            client.close()
            for name in ("gateway", "policyd"):
                scratch.stop(name)
            for home in (old, new):
                home.stop()
        old.start()
        assert set(inventory(old, ANN)[0]) == {"start", "implicit"}


class Tls(LmtpClient):
    """The same with TLS, which is verified; STARTTLS must be offered."""

    def __init__(self, port, context, form):
        self.context = context
        self.form = form
        super().__init__(port)
        if form == "start":
            assert "STARTTLS" in self.offers, self.offers
            assert self.command("STARTTLS").startswith("220")
            self.secure()
            self.offers = self.command("LHLO mx.example.net")
        assert "STARTTLS" not in self.offers, self.offers

    def opened(self):
        if self.form == "implicit":
            self.secure()

    def secure(self):
        self.file.close()
        self.socket = self.context.wrap_socket(self.socket,
                                               server_hostname="localhost")
        self.file = self.socket.makefile("rb")


def a_reload_and_an_end_lose_no_message():
    with Scratch() as scratch:
        old, new = Dovecot(scratch, "old"), Dovecot(scratch, "new")
        gateway, rehome = bench(scratch, old, new)
        old.add_user(ANN)
        rehome.ctl("add", ANN, "--source", "old", "--destination", "new")
        gateway.start(rehome)
        client = LmtpClient(gateway.port("lmtp"))
        assert client.begin(ANN)[0].startswith("250 2")
        assert client.command("DATA").startswith("354")
        child = scratch.children["gateway"]
        child.send_signal(1)
        time.sleep(0.5)
        client.say(message("one") + b".\r\n")
        assert client.answer().startswith("250 2")
        assert client.begin(ANN)[0].startswith("250 2")
        assert client.command("DATA").startswith("354")
        child.terminate()
        time.sleep(0.5)
        client.say(message("two") + b".\r\n")
        assert client.answer().startswith("250 2")
        assert client.answer().startswith("421 4.3.2")
        assert child.wait(10) == 0
        try:
            LmtpClient(gateway.port("lmtp"))
            raise AssertionError("it still listens")
        except OSError:
            pass
        assert set(inventory(old, ANN)[0]) == {"one", "two"}


if __name__ == "__main__":
    tap.main([dovecot_and_cyrus_in_one_transaction,
              stragglers_of_an_smtp_home_are_swept, clients_by_tls,
              a_reload_and_an_end_lose_no_message])
