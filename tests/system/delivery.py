# SPDX-License-Identifier: BSD-2-Clause
"""The gateway's delivery listener with homes that do as they are told: each
recipient's answer is its own home's, nobody waits for another's home longer than
he must, and nothing is acknowledged that was not taken."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from control import Control, Worker  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from gateway import Gateway  # noqa: E402
from lmtp_client import LmtpClient  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from scripted_home import ScriptedHome  # noqa: E402

ANN, BOB, CAT = ("%s@example.org" % name for name in ("ann", "bob", "cat"))
TEXT = b"Subject: x\r\n\r\n.dots\r\n..more\r\n\r\nend\r\n"


class Desk:
    """policyd, a gateway with a delivery listener, two homes; ann and bob live
    at the old one, cat at the new one."""

    def __init__(self, scratch, old=None, new=None, form="none", listen="",
                 options="", certificate_of=None, timeout="2s", **policyd):
        self.old = old or ScriptedHome(scratch, "old")
        self.new = new or ScriptedHome(scratch, "new")
        options += '    delivery_timeout = "%s"\n' % timeout
        self.gateway = Gateway(scratch, certificate_of or Nobody, ("lmtp",),
                               (form,), options, listen)
        self.rehome = Rehome(scratch, tap.build_directory(),
                             (self.old, self.new),
                             **self.gateway.settings(**policyd))
        self.scratch = scratch
        self.form = form

    def start(self, homes=True):
        if homes:
            self.old.start()
            self.new.start()
        self.rehome.start_policyd()
        for address, source, destination in (
                (ANN, "old", "new"), (BOB, "old", "new"), (CAT, "new", "old")):
            self.rehome.ctl("add", address, "--source", source,
                            "--destination", destination)
        self.gateway.start(self.rehome)
        return self

    def client(self):
        return LmtpClient(self.gateway.port("lmtp", self.form))

    def log(self):
        return self.scratch.log("gateway")

    def control(self):
        return Control(self.rehome.directory + "/control")

    def sessions(self, address):
        """How many deliveries to it are registered."""
        control = self.control()
        found = control.list("sessions", address=address)
        control.close()
        return len(found)

    def resident(self):
        """Peak of the gateway's memory, in kilobytes."""
        with open("/proc/%d/status" % self.gateway.pid(),
                  encoding="ascii") as status:
            return int(next(line for line in status
                            if line.startswith("VmHWM")).split()[1])


class Nobody:
    certificate = directory = ""


def codes(answers):
    return [answer[:9] for answer in answers]


def two_homes_in_one_transaction():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        client = desk.client()
        assert client.greeting.startswith("220 "), client.greeting
        for name in ("PIPELINING", "8BITMIME", "CHUNKING",
                     "ENHANCEDSTATUSCODES", "SIZE 50000000"):
            assert "250-" + name in client.offers, client.offers
        assert "SMTPUTF8" not in client.offers, client.offers
        answers = client.send(TEXT, ANN, CAT, "who@example.org",
                              options=" BODY=8BITMIME SIZE=100")
        assert codes(answers) == ["250 2.0.0"] * 3, answers
        assert desk.old.got(ANN) == [TEXT] == desk.old.got("who@example.org")
        assert desk.new.got(CAT) == [TEXT], desk.new.messages
        assert not desk.old.got(CAT) and not desk.new.got(ANN)
        assert "BODY=8BITMIME" in desk.new.messages[0][1], desk.new.messages
        # the connections serve again, and a transaction given up costs none
        assert codes(client.begin(ANN, CAT)) == ["250 2.1.5"] * 2
        assert client.command("RSET").startswith("250")
        for _ in range(20):
            assert codes(client.send(TEXT, ANN, CAT)) == ["250 2.0.0"] * 2
        assert len(desk.old.got(ANN)) == 21 == len(desk.new.got(CAT))
        assert desk.old.connections <= 3, desk.old.connections
        assert client.command("QUIT").startswith("221")


def chunks_go_as_they_come():
    offers = ("PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME")
    binary = b"\0\n.\n\r.\r\n.\r\n" * 20000
    with Scratch() as scratch:
        desk = Desk(scratch, new=ScriptedHome(scratch, "new", offers=offers),
                    old=ScriptedHome(scratch, "old", offers=offers)).start()
        client = desk.client()
        assert codes(client.begin(CAT, ANN, options=" BODY=BINARYMIME")) == [
            "250 2.1.5"] * 2
        half = len(binary) // 2
        client.say(b"BDAT %d\r\n" % half + binary[:half])
        assert client.answer().startswith("250")
        client.say(b"BDAT %d LAST\r\n" % (len(binary) - half) + binary[half:])
        assert codes([client.answer(), client.answer()]) == ["250 2.0.0"] * 2
        assert desk.new.got(CAT) == [binary] == desk.old.got(ANN)


def each_recipient_has_an_answer_of_its_own():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        desk.old.rcpt[BOB] = "550 5.1.1 no such user"
        desk.new.end[CAT] = "452 4.2.2 over quota"
        client = desk.client()
        answers = client.send(TEXT, BOB, ANN, CAT)
        assert codes(answers) == ["550 5.1.1", "250 2.0.0", "452 4.2.2"], \
            answers
        assert desk.old.got(ANN) == [TEXT] and not desk.new.messages
        # all of one home refused: the other goes on
        answers = client.send(TEXT, CAT, BOB)
        assert codes(answers) == ["452 4.2.2", "550 5.1.1"], answers
        # a home that answers too early is not believed
        desk.new.end = {CAT: "early"}
        answers = client.send(TEXT, CAT, ANN)
        assert codes(answers) == ["451 4.3.0", "250 2.0.0"], answers
        assert not desk.new.messages


def a_dead_home_is_answered_for_at_once():
    with Scratch() as scratch:
        desk = Desk(scratch, options="    delivery_idle = \"2s\"\n")
        desk.old.options = "lmtp_offers = \"8BITMIME\""
        desk.rehome.config = desk.rehome.write_configuration()
        desk.new.start()
        desk.start(homes=False)
        client = desk.client()
        assert "250-8BITMIME" in client.offers, client.offers
        for _ in range(20):
            begin = time.monotonic()
            answers = client.send(TEXT, ANN, CAT)
            took = time.monotonic() - begin
            assert codes(answers) == ["451 4.4.1", "250 2.0.0"], answers
            assert took < 0.5, took
        desk.old.start()
        wait_for(lambda: codes(client.send(TEXT, ANN)) == ["250 2.0.0"], 20,
                 "the old home to be found again", 0.1)
        # it closes idle connections, and dies
        assert codes(client.send(TEXT, ANN)) == ["250 2.0.0"]
        desk.old.cut()
        assert codes(client.send(TEXT, ANN)) == ["250 2.0.0"]
        desk.old.stop()
        answers = client.send(TEXT, ANN, CAT)
        assert codes(answers)[0][:5] == "451 4", answers
        assert codes(answers)[1] == "250 2.0.0", answers


def a_silent_home_is_waited_for_once():
    with Scratch() as scratch:
        desk = Desk(scratch)
        desk.old.greeting = ""
        desk.start()
        begin = time.monotonic()
        client = desk.client()
        for _ in range(5):
            answers = client.send(TEXT, ANN, CAT)
            assert codes(answers) == ["451 4.4.1", "250 2.0.0"], answers
        took = time.monotonic() - begin
        assert took < 5, took
        desk.old.greeting = "220 home"
        wait_for(lambda: codes(client.send(TEXT, ANN)) == ["250 2.0.0"], 20,
                 "the old home to be found", 0.1)
        # one that falls silent later costs those who have begun some time
        desk.old.greeting = ""
        desk.old.cut()
        begin = time.monotonic()
        answers = client.send(TEXT, CAT, ANN)
        assert codes(answers) == ["250 2.0.0", "451 4.4.2"], answers
        assert time.monotonic() - begin < 15
        begin = time.monotonic()
        answers = client.send(TEXT, CAT, ANN)
        assert codes(answers) == ["250 2.0.0", "451 4.4.2"], answers
        assert time.monotonic() - begin < 1


def an_idle_connection_that_ends_costs_nothing():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        desk.old.once = True
        client = desk.client()
        for _ in range(4):
            assert codes(client.send(TEXT, ANN)) == ["250 2.0.0"]
        assert len(desk.old.got(ANN)) == 4, desk.old.messages


def an_end_without_an_answer_is_no_success():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        client = desk.client()
        desk.old.end[ANN] = "die"
        answers = client.send(TEXT, ANN, CAT)
        assert codes(answers) == ["451 4.4.2", "250 2.0.0"], answers
        assert "no answer to the end of data" in desk.log()
        # half of its recipients were answered: these count
        desk.old.end = {BOB: "die"}
        answers = client.send(TEXT, ANN, BOB)
        assert codes(answers) == ["250 2.0.0", "451 4.4.2"], answers
        desk.old.end = {ANN: "hang"}
        begin = time.monotonic()
        answers = client.send(TEXT, CAT, ANN)
        took = time.monotonic() - begin
        assert codes(answers) == ["250 2.0.0", "451 4.4.2"], answers
        assert 1.8 < took < 4, took


def a_home_that_hangs_keeps_its_account_from_the_flip():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        desk.old.end[ANN] = "stuck"
        client = desk.client()
        assert codes(client.begin(ANN)) == ["250 2.1.5"]
        client.command("DATA")
        client.say(TEXT.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        wait_for(lambda: desk.sessions(ANN), 5, "a registration")
        assert client.answer().startswith("451 4.4.2")
        # the home may still be at work: the delivery is not over
        assert desk.sessions(ANN)
        time.sleep(0.5)
        assert desk.sessions(ANN)
        wait_for(lambda: not desk.sessions(ANN), 10, "its end")
        client.close()


def a_slow_home_keeps_nobody_waiting():
    large = b"Subject: x\r\n\r\n" + b"x" * 998 + b"\r\n"
    large += (b"y" * 998 + b"\r\n") * 12000
    with Scratch() as scratch:
        desk = Desk(scratch, timeout="20s").start()
        client = desk.client()
        before = desk.resident()
        desk.old.pace = 0.0004
        desk.old.end[ANN] = desk.new.end[CAT] = "250 2.0.0 stored"
        begin = time.monotonic()
        client.begin(CAT, ANN)
        client.command("DATA")
        sender = threading.Thread(target=client.say, args=(
            large + b".\r\n",))
        sender.start()
        assert client.answer().startswith("250")
        quick = time.monotonic() - begin
        assert client.answer().startswith("250")
        slow = time.monotonic() - begin
        sender.join()
        print("# new home %.1f s, old home %.1f s, %d kB more"
              % (quick, slow, desk.resident() - before), flush=True)
        assert quick < slow / 2, (quick, slow)
        assert desk.old.got(ANN) == [large] == desk.new.got(CAT)
        assert desk.resident() - before < 6000, desk.resident() - before


def freeze(desk, address):
    """A worker that has frozen the account."""
    desk.rehome.ctl("move", address)
    worker = Worker(desk.control(), address)
    worker.to_ready()
    worker.enter("frozen")
    return worker


def a_frozen_account_is_deferred_at_its_rcpt():
    with Scratch() as scratch:
        desk = Desk(scratch).start()
        client = desk.client()
        worker = freeze(desk, ANN)
        wait_for(lambda: worker.waiting() is None, 5, "the barrier")
        answers = client.send(TEXT, ANN, BOB)
        assert codes(answers) == ["451 4.2.1", "250 2.0.0"], answers
        worker.flip()
        assert codes(client.send(TEXT, ANN)) == ["250 2.0.0"]
        assert not desk.old.got(ANN) and desk.new.got(ANN) == [TEXT]
        # what cannot be routed is for later, not refused
        answers = client.begin("nobody@elsewhere.example")
        assert codes(answers) == ["451 4.3.0"], answers
        client.command("RSET")
        client.close()
        # and without policyd everything is
        desk.scratch.stop("policyd")
        client = desk.client()
        answers = client.begin(CAT, "who@example.org")
        assert codes(answers) == ["451 4.3.0"] * 2, answers


def a_flip_waits_for_the_delivery_under_way():
    with Scratch() as scratch:
        desk = Desk(scratch, options="    drain = \"1s\"\n",
                    gateway_close="1500ms").start()
        client = desk.client()
        assert codes(client.begin(ANN, BOB)) == ["250 2.1.5"] * 2
        assert client.command("DATA").startswith("354")
        worker = freeze(desk, ANN)
        wait_for(lambda: worker.waiting() == "sessions", 3, "the wait for it")
        client.say(TEXT.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert codes([client.answer(), client.answer()]) == ["250 2.0.0"] * 2
        wait_for(lambda: worker.waiting() is None, 5, "the barrier")
        assert desk.old.got(ANN) == [TEXT]
        worker.enter("copying")
        # one that does not come to an end is ended, and tried again later
        assert codes(client.begin(ANN, CAT)) == ["250 2.1.5"] * 2
        assert client.command("DATA").startswith("354")
        client.say("Subject: half\r\n\r\n")
        begin = time.monotonic()
        worker.enter("ready")
        worker.enter("frozen")
        wait_for(lambda: worker.waiting() is None, 5, "the barrier")
        took = time.monotonic() - begin
        assert 1 < took < 4, took
        client.say("rest\r\n.\r\n")
        answers = [client.answer(), client.answer()]
        assert codes(answers) == ["451 4.2.1", "250 2.0.0"], answers
        assert desk.old.got(ANN) == [TEXT], desk.old.messages
        # a client that goes away in the middle leaves nothing behind
        assert codes(client.begin(BOB)) == ["250 2.1.5"]
        assert desk.sessions(BOB) == 1
        client.close()
        wait_for(lambda: not desk.sessions(BOB), 5, "the end of it")


def homes_by_smtp_answer_once():
    with Scratch() as scratch:
        desk = Desk(scratch, old=ScriptedHome(scratch, "old", smtp=True,
                                              offers=())).start()
        client = desk.client()
        answers = client.send(TEXT, ANN, BOB, CAT)
        assert codes(answers) == ["250 2.0.0"] * 3, answers
        assert desk.old.messages[0][0] == [ANN, BOB], desk.old.messages
        desk.old.end[ANN] = "554 5.6.0 no"
        answers = client.send(TEXT, ANN, BOB)
        assert codes(answers) == ["554 5.6.0"] * 2, answers


def homes_are_verified():
    with Scratch() as scratch:
        real = Dovecot(scratch, "certified")
        other = Dovecot(scratch, "stranger")
        key = os.path.join(real.directory, "key.pem")

        def home(name, tls, trusted):
            return ScriptedHome(
                scratch, name, tls=tls, certificate=real.certificate, key=key,
                options='ca_file = "%s"\n    client_address = xclient'
                % trusted.certificate,
                offers=("PIPELINING", "XCLIENT ADDR"))
        desk = Desk(scratch, old=home("old", "start", real),
                    new=home("new", "implicit", real)).start()
        client = desk.client()
        assert codes(client.send(TEXT, ANN, CAT)) == ["250 2.0.0"] * 2
        assert desk.old.said("XCLIENT ADDR=127.0.0.1"), desk.old.lines
        client.close()
        desk.scratch.stop("gateway")
        desk.old.options = desk.old.options.replace(real.certificate,
                                                    other.certificate)
        desk.new.options = desk.new.options.replace(real.certificate,
                                                    other.certificate)
        desk.rehome.write_configuration()
        desk.gateway.start(desk.rehome)
        client = desk.client()
        answers = client.send(TEXT, ANN, CAT)
        assert codes(answers) == ["451 4.7.5"] * 2, answers
        assert len(desk.old.got(ANN)) == 1 == len(desk.new.got(CAT))


if __name__ == "__main__":
    tap.main([two_homes_in_one_transaction, chunks_go_as_they_come,
              each_recipient_has_an_answer_of_its_own,
              a_dead_home_is_answered_for_at_once,
              a_silent_home_is_waited_for_once,
              an_idle_connection_that_ends_costs_nothing,
              an_end_without_an_answer_is_no_success,
              a_home_that_hangs_keeps_its_account_from_the_flip,
              a_slow_home_keeps_nobody_waiting,
              a_frozen_account_is_deferred_at_its_rcpt,
              a_flip_waits_for_the_delivery_under_way,
              homes_by_smtp_answer_once, homes_are_verified])
