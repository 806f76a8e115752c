#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""policyd's front before a real Postfix: the maps while they are replaced, a
retry: entry, the park service, the barrier with a delivery under way, the flush
after the flip. The homes are two small SMTP servers that note what they get;
the part of the worker is played here, over the control socket."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from postfix import Postfix  # noqa: E402
from rehome import CONFIGURATION  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402

ANN, BOB, CAROL = "ann@example.org", "bob@example.org", "carol@example.org"
TEAM = "team@example.net"
PARK = "rehome-park:[127.0.0.1]:1"
RETRY = "retry:4.2.1 mailbox is being moved"
REPLACEMENTS = 200

SYSTEM = """
system "%s" {
    imap = "imap://127.0.0.1:1"
    deliver = "%s"
}
"""


class Home(threading.Thread):
    """An SMTP server that notes number, recipient and time of each message;
    while it is held, it does not answer the end of data."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.deliver = "smtp:[127.0.0.1]:%d" % port
        self.messages = []
        self.in_data = 0
        self.passing = threading.Event()
        self.passing.set()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,),
                             daemon=True).start()

    def serve(self, client):
        recipients = []
        with client, client.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 home ESMTP\r\n")
            while line := stream.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    recipients.append(line.split(b"<")[1].split(b">")[0])
                if verb == b"DATA":
                    stream.write(b"354 go on\r\n")
                    self.take(stream, recipients)
                    recipients = []
                    try:
                        stream.write(b"250 2.0.0 taken\r\n")
                    except OSError:
                        return
                elif verb == b"QUIT":
                    stream.write(b"221 bye\r\n")
                    return
                else:
                    stream.write(b"250 ok\r\n")

    def take(self, stream, recipients):
        number = None
        while (line := stream.readline()) != b".\r\n":
            if line.lower().startswith(b"x-number:"):
                number = line.split(b":")[1].strip().decode()
        self.in_data += 1
        self.passing.wait()
        for recipient in recipients:
            self.messages.append((number, recipient.decode()))

    def numbers(self, recipient):
        return [number for number, to in self.messages if to == recipient]


class Control:
    """One connection to policyd's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw", encoding="utf-8",
                                           newline="\n")

    def call(self, request, wanted="ok", **attributes):
        lines = ["request=" + request]
        lines += ["%s=%s" % pair for pair in attributes.items()]
        self.stream.write("\n".join(lines) + "\n\n")
        self.stream.flush()
        reply = {}
        while (line := self.stream.readline()) != "\n":
            if not line:
                raise EOFError("policyd closed the connection")
            name, value = line.rstrip("\n").split("=", 1)
            reply[name] = value
        if wanted and reply["status"] != wanted:
            raise RuntimeError("%s: %s" % (request, reply))
        return reply


class Site:
    """A private Postfix, policyd, two homes; accounts at the old one."""

    def __init__(self, scratch, frozen="park", extra=""):
        self.scratch = scratch
        self.old, self.new = Home(scratch.port()), Home(scratch.port())
        self.directory = scratch.dir("rehome")
        self.maps = scratch.dir("rehome", "maps")
        self.postfix = Postfix(
            scratch, "private/none", aliases={TEAM: ANN},
            extra="smtp_connection_cache_on_demand = no\n"
            "transport_maps = hash:%s/moving, hash:%s/homes\n%s"
            % (self.maps, self.maps, extra))
        self.tame(self.postfix.etc + "/main.cf")
        self.config = scratch.file(
            "rehome", "rehome.conf", text=self.configuration(frozen))
        self.policyd = os.path.join(tap.build_directory(),
                                    "policyd/rehome-policyd")
        if not os.access(self.policyd, os.X_OK):
            raise tap.Skip("rehome-policyd is not built")
        self.sent = 0

    @staticmethod
    def tame(path):
        """No logins."""
        with open(path, encoding="utf-8") as text:
            lines = [line for line in text
                     if not line.startswith("smtpd_sasl_auth_enable")]
        with open(path, "w", encoding="utf-8") as text:
            text.writelines(lines)

    def configuration(self, frozen):
        etc = self.postfix.etc
        return CONFIGURATION.format(
            directory=self.directory, store="bdb:%s/store" % self.directory,
            budget="30s", lease="60s", client_timeout="10s", maps=self.maps,
            frozen=frozen, reload=self.postfix.reload_command(),
            queue_list="/usr/sbin/postqueue -c %s -j" % etc,
            queue_flush="/usr/sbin/postqueue -c %s -i %%i" % etc,
            queue_barrier="yes", policyd_more="", copier_more="", more="",
            settle="2s", level="info", domain="example.org", default="old",
            complete="no") + SYSTEM % ("old", self.old.deliver) + \
            SYSTEM % ("new", self.new.deliver)

    def start_policyd(self):
        self.scratch.spawn("policyd", [self.policyd, "-c", self.config])
        self.control = wait_for(self.connect, 20, "policyd to answer")

    def connect(self):
        try:
            control = Control(self.directory + "/control")
            control.call("status")
            return control
        except (OSError, EOFError):
            return None

    def start(self):
        self.postfix.start()
        self.start_policyd()
        for address, home in ((ANN, "source"), (BOB, "destination"),
                              (CAROL, "source")):
            self.control.call("account-add", address=address, source="old",
                              destination="new", home=home)
        wait_for(lambda: self.lookup(BOB) == self.new.deliver, 10,
                 "the maps to have the accounts")

    # ---- the maps ----

    def lookup(self, key):
        """What Postfix's own reader finds, moving before homes."""
        for name in ("moving", "homes"):
            path = "hash:%s/%s" % (self.maps, name)
            done = subprocess.run(["postmap", "-q", key, path], text=True,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
            if done.returncode not in (0, 1) or done.stderr:
                raise AssertionError("postmap -q %s %s: %s" % (
                    key, path, done.stderr))
            if done.returncode == 0:
                return done.stdout.strip()
        return None

    # ---- the worker ----

    def begin(self, address, **options):
        """Brings an account to copying; returns the epoch."""
        self.control.call("move", address=address, **options)
        lease = self.control.call("lease", worker="test", address=address)
        self.control.call("enter", address=address, epoch=lease["epoch"],
                          phase="copying")
        return lease["epoch"]

    def front(self, address):
        return self.control.call("account-get", address=address).get(
            "front", "open")

    def barrier(self, address, epoch):
        return self.control.call("barrier", address=address, epoch=epoch,
                                 wanted=None)

    def passed(self, address, epoch):
        return self.barrier(address, epoch).get("passed") == "yes"

    def freeze(self, address):
        self.control.call("freeze", address=address, by="test")

    def flip(self, address, epoch):
        frozen_at = self.barrier(address, epoch)["frozen_at"]
        self.control.call("prove", address=address, epoch=epoch, messages=0,
                          bytes=0, foreign=0, frozen_at=frozen_at)
        self.control.call("flip", address=address, epoch=epoch)

    # ---- mail ----

    def message(self, recipient):
        self.sent += 1
        number = "n%05d" % self.sent
        return number, ("From: <eve@example.com>\r\nTo: <%s>\r\n"
                        "X-Number: %s\r\n\r\nhello\r\n"
                        % (recipient, number))

    def send(self, recipient):
        """Over SMTP; returns the number, or the answer that refused it."""
        number, text = self.message(recipient)
        try:
            with smtplib.SMTP("127.0.0.1", self.postfix.smtp,
                              timeout=30) as smtp:
                smtp.sendmail("eve@example.com", [recipient], text)
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients[recipient]
        return number

    def submit(self, recipient):
        """By sendmail(1)."""
        number, text = self.message(recipient)
        self.postfix.sendmail("root@mx.example.net", recipient, text)
        return number

    def waiting(self, recipient, where="deferred"):
        return [entry for entry in self.postfix.queue()
                if entry["queue_name"] == where
                and recipient in [to["address"]
                                  for to in entry["recipients"]]]

    def wait_mail(self, home, recipient, numbers, seconds=20):
        wait_for(lambda: set(numbers) <= set(home.numbers(recipient)),
                 seconds, "%s to get its mail" % recipient)


class Repeater(threading.Thread):
    """Does something over and over; a failure of it is the test's."""

    def __init__(self, action):
        super().__init__(daemon=True)
        self.action = action
        self.results = []
        self.failure = None
        self.ending = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.ending.is_set():
                self.results.append(self.action())
        except Exception as failure:  # told when it is finished
            self.failure = failure

    def finish(self):
        self.ending.set()
        self.join(60)
        if self.failure:
            raise self.failure
        return self.results


def replace_maps(site, times):
    """Freezes and thaws Carol: each of both replaces moving and reloads."""
    epoch = site.begin(CAROL)
    versions = set()
    for turn in range(times // 2):
        site.freeze(CAROL)
        wait_for(lambda: site.passed(CAROL, epoch), 20, "the barrier", 0.005)
        assert site.lookup(CAROL) == PARK, (turn, site.lookup(CAROL))
        versions.add(os.stat(site.maps + "/moving.db").st_mtime_ns)
        site.control.call("thaw", address=CAROL, by="test", reason="again")
        wait_for(lambda: site.front(CAROL) == "open", 20, "the thaw", 0.005)
        assert site.lookup(CAROL) == site.old.deliver, turn
        versions.add(os.stat(site.maps + "/moving.db").st_mtime_ns)
        site.control.call("renew", address=CAROL, epoch=epoch)
    assert len(versions) == times, len(versions)


def maps_are_whole_while_they_are_replaced():
    with Scratch("front-postfix") as scratch:
        site = Site(scratch)
        site.start()
        senders = [Repeater(lambda: site.send(ANN)),
                   Repeater(lambda: site.send(BOB)),
                   Repeater(lambda: (site.submit(TEAM), time.sleep(0.1))[0])]
        readers = [Repeater(lambda: site.lookup(ANN)),
                   Repeater(lambda: site.lookup(BOB)),
                   Repeater(lambda: site.lookup("example.org"))]
        replace_maps(site, REPLACEMENTS)
        sent = [sender.finish() for sender in senders]
        found = [reader.finish() for reader in readers]
        assert set(found[0]) == {site.old.deliver}, set(found[0])
        assert set(found[1]) == {site.new.deliver}, set(found[1])
        assert set(found[2]) == {site.old.deliver}, set(found[2])
        assert min(map(len, found)) > 100, [len(each) for each in found]
        # What a reload met on its way rests for a minute.
        site.wait_mail(site.old, ANN, sent[0] + sent[2], 90)
        site.wait_mail(site.new, BOB, sent[1], 90)
        assert sorted(site.old.numbers(ANN)) == sorted(sent[0] + sent[2])
        assert sorted(site.new.numbers(BOB)) == sorted(sent[1])
        assert not site.old.numbers(BOB) and not site.new.numbers(ANN)
        print("# %d lookups, %d messages, %d replacements"
              % (sum(map(len, found)), sum(map(len, sent)), REPLACEMENTS))


def retry_defers_and_never_refuses():
    with Scratch("front-postfix") as scratch:
        site = Site(scratch, frozen="follow")
        site.start()
        epoch = site.begin(ANN, mail="defer")
        site.freeze(ANN)
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier")
        assert site.lookup(ANN) == RETRY, site.lookup(ANN)
        answer = site.send(ANN)
        assert answer[0] == 450, answer
        numbers = [site.submit(ANN), site.submit(TEAM), site.send(TEAM)]
        wait_for(lambda: len(site.waiting(ANN)) == 3, 10, "three to wait")
        for entry in site.waiting(ANN):
            reason = entry["recipients"][0]["delay_reason"]
            assert "mailbox is being moved" in reason, reason
        other = site.send(BOB)
        site.wait_mail(site.new, BOB, [other])
        site.flip(ANN, epoch)
        began = time.monotonic()
        site.wait_mail(site.new, ANN, numbers)
        print("# delivered %.1f s after the flip"
              % (time.monotonic() - began))
        assert not site.old.messages, site.old.messages


def parked_mail_follows_the_flip_oldest_first():
    with Scratch("front-postfix") as scratch:
        site = Site(scratch,
                    extra="smtp_destination_concurrency_limit = 1\n")
        site.start()
        epoch = site.begin(ANN, mail="park")
        site.freeze(ANN)
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier")
        numbers = []
        for turn in range(30):
            numbers.append(site.send(TEAM if turn % 3 else ANN))
            time.sleep(0.05)
        wait_for(lambda: len(site.waiting(ANN)) == 30, 10, "all to wait")
        assert site.passed(ANN, epoch)
        site.flip(ANN, epoch)
        began = time.monotonic()
        site.wait_mail(site.new, ANN, numbers, 15)
        print("# 30 delivered %.1f s after the flip"
              % (time.monotonic() - began))
        wait_for(lambda: site.front(ANN) == "open", 20, "the front to open")
        # Flushed in order; but Postfix takes up in any order what it finds
        # together, on a busy machine more than one.
        got = site.new.numbers(ANN)
        assert sorted(got) == numbers, got
        assert all(abs(got.index(number) - place) <= 10
                   for place, number in enumerate(numbers)), got
        in_order = sum(one < other for one, other in zip(got, got[1:]))
        print("# %d of 29 pairs in order" % in_order)
        assert in_order >= 20, got
        assert not site.old.messages, site.old.messages


def a_thaw_flushes_to_the_old_home():
    with Scratch("front-postfix") as scratch:
        site = Site(scratch)
        site.start()
        epoch = site.begin(ANN, mail="park")
        site.freeze(ANN)
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier")
        numbers = [site.send(ANN), site.submit(TEAM)]
        wait_for(lambda: len(site.waiting(ANN)) == 2, 10, "both to wait")
        site.control.call("thaw", address=ANN, by="test", reason="enough")
        site.wait_mail(site.old, ANN, numbers)
        assert not site.new.messages, site.new.messages


def the_barrier_waits_for_a_delivery_under_way():
    """And for no longer: Postfix itself would look again after a minute."""
    with Scratch("front-postfix") as scratch:
        site = Site(scratch)
        site.start()
        epoch = site.begin(ANN)
        site.old.passing.clear()
        number = site.send(TEAM)
        wait_for(lambda: site.old.in_data == 1, 20, "the end of data")
        site.freeze(ANN)
        wait_for(lambda: site.barrier(ANN, epoch).get("waiting") == "queue"
                 and site.barrier(ANN, epoch).get("entries") == "1", 20,
                 "the entry to be seen")
        time.sleep(2)
        assert not site.passed(ANN, epoch)
        assert not site.old.messages
        site.old.passing.set()
        began = time.monotonic()
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier", 0.01)
        seconds = time.monotonic() - began
        print("# passed %.2f s after the delivery" % seconds)
        assert seconds < 5
        assert site.old.numbers(ANN) == [number]
        site.flip(ANN, epoch)
        site.wait_mail(site.new, ANN, [site.send(ANN)])
        assert site.old.numbers(ANN) == [number]
        assert number not in site.new.numbers(ANN)


def a_delivery_that_fails_under_way_is_parked():
    """Handed to a process of the former Postfix that the home then fails: the
    message is routed by the new maps, at once."""
    with Scratch("front-postfix") as scratch:
        site = Site(scratch, extra="smtp_data_done_timeout = 4s\n")
        site.start()
        epoch = site.begin(ANN, mail="park")
        site.old.passing.clear()
        number = site.send(ANN)
        wait_for(lambda: site.old.in_data == 1, 20, "the end of data")
        site.freeze(ANN)
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier")
        assert not site.old.messages
        site.flip(ANN, epoch)
        site.wait_mail(site.new, ANN, [number])


def killed_at_any_moment_the_maps_are_right():
    with Scratch("front-postfix") as scratch:
        site = Site(scratch)
        site.start()
        epoch = site.begin(ANN, mail="park")
        site.freeze(ANN)
        wait_for(lambda: site.passed(ANN, epoch), 20, "the barrier")
        site.flip(ANN, epoch)
        wait_for(lambda: site.front(ANN) == "open", 20, "the front to open")
        expected = {ANN: site.new.deliver, BOB: site.new.deliver,
                    CAROL: site.old.deliver, "example.org": site.old.deliver}
        for turn in range(12):
            site.control.call("maps-rebuild")
            time.sleep(0.003 * turn)
            site.scratch.stop("policyd", how=signal.SIGKILL)
            for key, value in expected.items():
                assert site.lookup(key) == value, (turn, key)
            site.start_policyd()
            for key, value in expected.items():
                assert site.lookup(key) == value, (turn, key)
        leftovers = [name for name in os.listdir(site.maps)
                     if name not in ("moving.db", "homes.db")]
        wait_for(lambda: sorted(os.listdir(site.maps))
                 == ["homes.db", "moving.db"], 10,
                 "nothing to be left but the maps: %s" % leftovers)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP a private Postfix needs root")
        sys.exit(0)
    tap.main([maps_are_whole_while_they_are_replaced,
              retry_defers_and_never_refuses,
              parked_mail_follows_the_flip_oldest_first,
              a_thaw_flushes_to_the_old_home,
              the_barrier_waits_for_a_delivery_under_way,
              a_delivery_that_fails_under_way_is_parked,
              killed_at_any_moment_the_maps_are_right])
