# SPDX-License-Identifier: BSD-2-Clause
"""contrib/sendmail and the milter in a real Sendmail, with stand-ins for
policyd's sockets: who is deferred, who is parked, and that what waits in the
queue goes to where the account is now."""

import contextlib
import os
import re
import signal
import smtplib
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402
from policyd_stub import DEFER, MOVING, PolicydStub  # noqa: E402
from policyd_stub import SocketmapStub  # noqa: E402
from scratch import Scratch, answers, wait_for  # noqa: E402
from sendmail import Sendmail  # noqa: E402

CACHE = os.path.join(tap.build_directory(), "sendmail-packages")
OUTSIDE, OWN = "127.0.0.9", "127.0.0.1"
PARK = "rehome-park:[127.0.0.1]:1"
MILTER = """
policyd {{
    policy = "unix:{directory}/policy"
    own_networks = {{ "127.0.0.1/32" }}
}}
milter {{
    socket = "unix:{directory}/milter"
    user = ""
    group = ""
    timeout = "2s"
}}
log {{ facility = "stderr" }}
domain "example.org" {{ default = "pass" }}
"""


class Sink:
    """A mail server that keeps what it gets (smtp-sink of Postfix)."""

    def __init__(self, scratch, name, options=()):
        self.scratch, self.name, self.options = scratch, name, list(options)
        self.port = scratch.port()
        self.directory = scratch.dir(name, mode=0o777)

    def start(self):
        self.scratch.spawn(self.name, [
            "/usr/sbin/smtp-sink", "-u", "postfix", *self.options, "-d",
            self.directory + "/%M.", "inet:127.0.0.1:%d" % self.port, "100"])
        wait_for(lambda: answers(self.port), 10, self.name)

    def stop(self):
        self.scratch.stop(self.name)

    def subjects(self):
        """Of all messages that it has got, sorted."""
        found = []
        for name in os.listdir(self.directory):
            path = os.path.join(self.directory, name)
            with open(path, encoding="utf-8", errors="replace") as text:
                found += re.findall(r"^Subject: (.*)", text.read(), re.M)
        return sorted(found)

    def got(self, *subjects):
        """Asserts that it has got these, each once, and no others. smtp-sink
        writes a message down a little after it has answered for it."""
        try:
            wait_for(lambda: len(self.subjects()) >= len(subjects), 5, "mail")
        except TimeoutError:
            pass
        if not subjects:
            time.sleep(0.3)
        assert self.subjects() == sorted(subjects), self.subjects()


class Site:
    def __init__(self, scratch, old_options=()):
        self.scratch = scratch
        self.sockets = scratch.dir("mta")
        self.policyd = PolicydStub(self.sockets + "/policy")
        self.socketmap = SocketmapStub(self.sockets + "/socketmap")
        self.policyd.start()
        self.socketmap.start()
        self.old = Sink(scratch, "old", old_options)
        self.new = Sink(scratch, "new")
        self.start_milter()
        self.sendmail = Sendmail(
            scratch, CACHE, socketmap="unix:" + self.socketmap.path,
            milter="unix:" + self.sockets + "/milter",
            hops=(("smtp", self.old.port), ("smtp", self.new.port)),
            aliases={"info": "ann@example.org"})
        self.home("ann", self.old)
        self.home("eve", self.old)
        self.old.start()
        self.new.start()
        self.sendmail.start()

    def start_milter(self):
        program = os.path.join(tap.build_directory(), "milter/rehome-milter")
        config = self.scratch.file("rehome.conf", text=MILTER.format(
            directory=self.sockets))
        self.scratch.spawn("milter", [program, "-c", config])
        wait_for(lambda: os.path.exists(self.sockets + "/milter"), 10,
                 "the milter")

    def stop(self):
        self.policyd.stop()
        self.socketmap.stop()

    def answer(self, name, next_hop):
        self.socketmap.maps.setdefault("transport", {})[
            name + "@example.org"] = next_hop

    def home(self, name, server):
        self.answer(name, "smtp:[127.0.0.1]:%d" % server.port)
        self.policyd.replies.pop(name + "@example.org", None)

    def freeze(self, name):
        self.answer(name, PARK)
        self.policyd.replies[name + "@example.org"] = [DEFER]

    def send(self, subject, *recipients, source=OUTSIDE):
        return self.sendmail.send(
            *recipients, source=source,
            message="Subject: %s\n\nhello\n" % subject)

    def at_rest(self):
        """Waits until no process has a message in its hands: the one that
        receives a message lets go of it a little after it has answered."""
        wait_for(lambda: all(entry["queue_name"] == "deferred"
                             for entry in self.sendmail.queue()),
                 10, "a queue at rest")

    def flush_all(self):
        """As policyd at the end of a freeze: oldest first."""
        self.at_rest()
        for entry in sorted(self.sendmail.queue(),
                            key=lambda entry: entry["arrival_time"]):
            self.sendmail.flush(entry["queue_id"])


@contextlib.contextmanager
def site(**options):
    if os.geteuid() != 0:
        raise tap.Skip("a private Sendmail needs root")
    if not os.access("/usr/sbin/smtp-sink", os.X_OK):
        raise tap.Skip("smtp-sink of Postfix is not installed")
    with Scratch("rehome-sendmail") as scratch:
        place = Site(scratch, **options)
        try:
            yield place
        except Exception:
            for name in ("milter", "sendmail"):
                print("# " + scratch.log(name).replace("\n", "\n# "))
            raise
        finally:
            place.stop()


def is_refused(answer, enhanced):
    code, text = answer
    assert code == 451 and text.startswith(enhanced.encode()), answer


def is_accepted(*replies):
    for answer in replies:
        assert answer is not None and answer[0] == 250, replies


def defers_outside_mail():
    with site() as place:
        place.freeze("ann")
        to_ann, to_eve, end = place.send(
            "mixed", "ann@example.org", "eve@example.org")
        is_refused(to_ann, "4.2.1")
        is_accepted(to_eve, end)
        is_accepted(*place.send("own", "ann@example.org", source=OWN))
        place.flush_all()
        place.old.got("mixed")
        assert [entry["queue_name"] for entry in place.sendmail.queue()] \
            == ["deferred"], place.sendmail.queue()


def defers_at_the_end():
    with site() as place:
        place.policyd.replies["ann@example.org"] = [MOVING, DEFER]
        to_eve, to_ann, end = place.send(
            "whole", "eve@example.org", "ann@example.org")
        is_accepted(to_eve, to_ann)
        is_refused(end, "4.2.1")
        assert not place.sendmail.queue()


def fails_closed():
    with site() as place:
        place.policyd.stop()
        answer, _ = place.send("lost", "ann@example.org")
        is_refused(answer, "4.3.0")
        place.socketmap.temporary = True
        is_accepted(*place.send("unknown", "ann@example.org", source=OWN))
        place.socketmap.stop()
        is_accepted(*place.send("absent", "ann@example.org", source=OWN))
        is_accepted(*place.send("elsewhere", "bob@elsewhere.example",
                                source=OWN))
        place.flush_all()
        place.old.got()
        place.new.got()
        waiting = {entry["recipients"][0]["address"]
                   for entry in place.sendmail.queue()}
        assert "ann@example.org" in waiting
        # nothing but policyd is started again
        place.socketmap.temporary = False
        place.policyd.start()
        place.socketmap.start()
        is_accepted(*place.send("back", "ann@example.org"))
        place.flush_all()
        place.old.got("absent", "back", "unknown")
        # and without the milter outside mail is deferred (F=T)
        place.scratch.stop("milter")
        with smtplib.SMTP("127.0.0.1", place.sendmail.port,
                          source_address=(OUTSIDE, 0)) as client:
            code, _ = client.ehlo("client.example.net")
            code, _ = client.mail("bob@example.net")
            if code == 250:
                code, _ = client.rcpt("ann@example.org")
            assert code in (421, 451), code


def queued_mail_follows_the_flip():
    with site() as place:
        # received before the freeze, waiting for an old server that is down
        place.old.stop()
        is_accepted(*place.send("before", "ann@example.org"))
        place.flush_all()
        assert len(place.sendmail.queue()) == 1
        place.freeze("ann")
        # parked: own, local, through an alias
        is_accepted(*place.send("own", "ann@example.org", source=OWN))
        place.sendmail.sendmail("eve@example.org", "ann@example.org",
                                "Subject: local\n\nhello\n")
        is_accepted(*place.send("alias", "info@mx.example.net"))
        is_accepted(*place.send("other", "eve@example.org"))
        place.flush_all()
        assert len(place.sendmail.queue()) == 5
        place.new.got()
        # the flip
        place.home("ann", place.new)
        place.old.start()
        place.flush_all()
        place.new.got("alias", "before", "local", "own")
        place.old.got("other")
        assert not place.sendmail.queue()
        is_accepted(*place.send("after", "ann@example.org"))
        place.at_rest()
        place.sendmail.run_queue()
        place.new.got("after", "alias", "before", "local", "own")


def slow_senders_meet_the_flip():
    """The next hop is not the one of RCPT, but the one of the delivery."""
    with site() as place:
        with smtplib.SMTP("127.0.0.1", place.sendmail.port,
                          source_address=(OUTSIDE, 0)) as client:
            client.ehlo("client.example.net")
            client.mail("bob@example.net")
            assert client.rcpt("ann@example.org")[0] == 250
            place.home("ann", place.new)
            client.data("Subject: slow\n\nhello\n")
        place.at_rest()
        place.sendmail.run_queue()
        place.new.got("slow")
        place.old.got()


def queue_list_tells_what_is_under_way():
    with site(old_options=("-w", "3")) as place:
        is_accepted(*place.send("slow", "ann@example.org", "eve@example.org"))
        is_accepted(*place.send("waits", "eve@example.org"))
        place.at_rest()
        waiting = place.sendmail.queue()
        assert [entry["queue_name"] for entry in waiting] == ["deferred"] * 2
        assert sorted(len(entry["recipients"]) for entry in waiting) == [1, 2]
        slow = next(entry for entry in waiting
                    if len(entry["recipients"]) == 2)
        assert slow["sender"] == "bob@example.net"
        assert abs(slow["arrival_time"] - time.time()) < 60
        assert [each["address"] for each in slow["recipients"]] == [
            "ann@example.org", "eve@example.org"]
        flush = place.scratch.spawn("flush", [
            place.sendmail.flush_command, slow["queue_id"]])
        wait_for(lambda: {entry["queue_id"]: entry["queue_name"]
                          for entry in place.sendmail.queue()}.get(
                              slow["queue_id"]) == "active", 10, "activity")
        assert flush.wait(30) == 0  # and not before the delivery has ended
        assert len(place.sendmail.queue()) == 1, place.sendmail.queue()
        place.old.stop()
        place.flush_all()
        entry, = place.sendmail.queue()
        assert entry["queue_name"] == "deferred"
        assert "refused" in entry["recipients"][0]["delay_reason"], entry


def impatience_ends_no_delivery():
    """Who waits for queue-flush no longer ends nothing but his waiting."""
    with site(old_options=("-w", "3")) as place:
        is_accepted(*place.send("slow", "ann@example.org"))
        place.at_rest()
        flush = place.scratch.spawn("flush", [
            place.sendmail.flush_command,
            place.sendmail.queue()[0]["queue_id"]])
        wait_for(lambda: place.sendmail.queue()[0]["queue_name"] == "active",
                 10, "activity")
        os.killpg(flush.pid, signal.SIGKILL)
        flush.wait()
        assert len(place.sendmail.queue()) == 1
        wait_for(lambda: not place.sendmail.queue(), 30, "the delivery")
        place.old.got("slow")


if __name__ == "__main__":
    tap.main([defers_outside_mail, defers_at_the_end, fails_closed,
              queued_mail_follows_the_flip, slow_senders_meet_the_flip,
              queue_list_tells_what_is_under_way,
              impatience_ends_no_delivery])
