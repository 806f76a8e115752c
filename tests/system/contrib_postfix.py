# SPDX-License-Identifier: BSD-2-Clause
"""contrib/postfix, line by line, in a real Postfix: every pair of a way of
delivery and a way of answering at RCPT, with stand-ins for policyd's sockets,
so that it can be taken away."""

import contextlib
import os
import re
import smtplib
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402
from policyd_stub import DEFER, LATER, MOVING, PolicydStub  # noqa: E402
from policyd_stub import SocketmapStub  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402
from scripted_home import ScriptedHome  # noqa: E402

OUTSIDE, OWN = "127.0.0.9", "127.0.0.1"
HOMES = {"settled": "discard:old", "moving": "discard:old",
         "frozen": "rehome-park:[127.0.0.1]:1"}
MILTER = """
policyd {{
    policy = "unix:{socket}/policy"
    own_networks = {{ "127.0.0.1/32" }}
}}
milter {{
    socket = "unix:{socket}/milter"
    user = ""
    group = ""
    timeout = "2s"
}}
log {{ facility = "stderr" }}
domain "example.org" {{ default = "pass" }}
"""


def snippet(name):
    with open(os.path.join(SOURCE, "contrib/postfix", name),
              encoding="utf-8") as text:
        return text.read()


class Site:
    def __init__(self, scratch, *names):
        self.scratch = scratch
        self.names = names
        self.maps = scratch.dir("maps")
        domains = scratch.file("rehome_domains",
                               text=snippet("rehome_domains"))
        text = "".join(snippet("main.cf." + name) for name in names)
        text = text.replace("/var/lib/rehome-maps", self.maps)
        text = text.replace("/etc/postfix/rehome_domains", domains)
        self.postfix = Postfix(
            scratch, "none", extra=text + "smtpd_sasl_auth_enable = no\n",
            maillog=True)
        self.use_park_of_master()
        self.sockets = scratch.dir("postfix", "queue", "rehome")
        self.policyd = PolicydStub(self.sockets + "/policy")
        self.socketmap = SocketmapStub(self.sockets + "/socketmap")
        self.policyd.start()
        self.socketmap.start()
        self.publish(HOMES)
        if "milter" in names:
            self.start_milter()
        self.postfix.start()

    def use_park_of_master(self):
        """The service of the snippet in the place of the laboratory's; the
        laboratory's processes are not in a chroot."""
        park = re.search(r"^rehome-park.*\n(?: .*\n)+", snippet("master.cf"),
                         re.M).group().replace("  y  ", "  n  ")
        path = os.path.join(self.postfix.etc, "master.cf")
        with open(path, encoding="utf-8") as master:
            lines = [line for line in master
                     if not line.startswith("rehome-park")]
        with open(path, "w", encoding="utf-8") as master:
            master.write("".join(lines) + park)

    def start_milter(self):
        program = os.path.join(tap.build_directory(), "milter/rehome-milter")
        config = self.scratch.file("rehome.conf", text=MILTER.format(
            socket=self.sockets))
        self.scratch.spawn("milter", [program, "-c", config])
        wait_for(lambda: os.path.exists(self.sockets + "/milter")
                 and os.stat(self.sockets + "/milter").st_mode & 0o666
                 == 0o666, 10, "the milter")

    def publish(self, homes):
        entries = {name + "@example.org": home
                   for name, home in homes.items()}
        self.socketmap.maps["transport"] = entries
        for name in ("moving", "homes"):
            part = {key: value for key, value in entries.items()
                    if (value == HOMES["settled"]) == (name == "homes")}
            path = self.scratch.file("maps", name, text="".join(
                "%s %s\n" % entry for entry in part.items()))
            run(["postmap", "hash:" + path])

    def freeze(self, *names, action="451 4.2.1 mailbox is being moved"):
        for name in names:
            self.policyd.actions[name + "@example.org"] = action
            self.policyd.replies[name + "@example.org"] = [
                DEFER if "4.2.1" in action else LATER]

    def send(self, source, *recipients):
        """The codes of each RCPT, and of the end of data."""
        with smtplib.SMTP("127.0.0.1", self.postfix.smtp,
                          source_address=(source, 0), timeout=30) as client:
            client.ehlo("client.example.net")
            client.mail("bob@example.net")
            answers = [client.rcpt(each) for each in recipients]
            if not any(code == 250 for code, _ in answers):
                return [*answers, None]
            try:
                return [*answers, client.data(b"Subject: x\r\n\r\nhello\r\n")]
            except smtplib.SMTPDataError as failure:
                return [*answers, failure.args]

    def parked(self, count):
        """The entries of the queue when that many are deferred, else None."""
        entries = self.postfix.queue()
        if [entry["queue_name"] for entry in entries] == ["deferred"] * count:
            return entries
        return None

    def wait_log(self, pattern, seconds=15):
        return wait_for(lambda: re.search(pattern, self.postfix.maillog()),
                        seconds, "%s in the log" % pattern)


@contextlib.contextmanager
def site(*names):
    if os.geteuid() != 0:
        raise tap.Skip("a private Postfix needs root")
    with Scratch("rehome-contrib") as scratch:
        place = Site(scratch, *names)
        try:
            yield place
            warnings = [line for line in place.postfix.maillog().splitlines()
                        if "warning" in line
                        and "overriding earlier entry" not in line
                        and not re.search(r"file system clock|file time stamps",
                                          line)
                        and not re.search(r"policy|milter|socketmap|127.0.0.1:"
                                          r"1: |rewrite|resolve", line)
                        or "unknown smtpd restriction" in line]
            assert not warnings, "\n".join(warnings)
        except Exception:
            print("# " + place.postfix.maillog().replace("\n", "\n# "))
            raise
        finally:
            place.policyd.stop()
            place.socketmap.stop()


def is_refused(answer, enhanced):
    code, text = answer
    assert code == 451 and text.startswith(enhanced.encode()), answer


def answers_at_rcpt(place):
    place.freeze("frozen")
    answers = place.send(OUTSIDE, "settled@example.org",
                         "frozen@example.org")
    assert answers[0][0] == 250 and answers[2][0] == 250, answers
    is_refused(answers[1], "4.2.1")
    answers = place.send(OUTSIDE, "bob@elsewhere.example")
    assert answers[0][0] == 554, "an open relay: %s" % answers
    if "milter" in place.names:
        place.policyd.replies["moving@example.org"] = [MOVING, DEFER]
        answers = place.send(OUTSIDE, "moving@example.org",
                             "settled@example.org")
        assert answers[:2] == [(250, b"2.1.5 Ok")] * 2, answers
        is_refused(answers[2], "4.2.1")


def ends_with_one_recipient(place):
    """The policy service at the end of a message: frozen since RCPT."""
    recipient = "moving@example.org"
    with smtplib.SMTP("127.0.0.1", place.postfix.smtp,
                      source_address=(OUTSIDE, 0)) as client:
        client.ehlo("client.example.net")
        client.mail("bob@example.net")
        assert client.rcpt(recipient)[0] == 250
        place.policyd.actions[recipient] = "451 4.2.1 is being moved"
        is_refused(client.data(b"Subject: x\r\n\r\nhello\r\n"), "4.2.1")
    del place.policyd.actions[recipient]


def parks_own_mail(place):
    place.send(OWN, "frozen@example.org")
    place.postfix.sendmail("ann@example.org", "frozen@example.org",
                           "Subject: local\n\nhello\n")
    waiting = wait_for(lambda: place.parked(2), 15, "the park")
    # the flip
    place.publish(dict(HOMES, frozen="discard:new"))
    place.postfix.command("reload")
    for entry in waiting:
        run(["postqueue", "-c", place.postfix.etc, "-i", entry["queue_id"]])
    wait_for(lambda: not place.postfix.queue(), 15, "the park to be empty")
    wait_for(lambda: len(re.findall(r"to=<frozen@.*status=sent \(new\)",
                                    place.postfix.maillog())) == 2,
             15, "both messages at the new system")
    place.publish(HOMES)
    place.postfix.command("reload")


def outlives_policyd(place):
    time.sleep(0.5)
    place.policyd.stop()
    place.socketmap.stop()
    answers = place.send(OUTSIDE, "settled@example.org")
    is_refused(answers[0], "4.3.0")
    answers = place.send(OWN, "bob@elsewhere.example")
    if "maps" in place.names:
        assert answers[1][0] == 250, answers
        place.wait_log(r"to=<bob@elsewhere.*status=sent")
        answers = place.send(OWN, "settled@example.org")
        assert answers[1][0] == 250, answers
    else:
        # what the README says of a socketmap
        assert answers[0][0] == 451, answers
    place.policyd.start()
    place.socketmap.start()
    wait_for(lambda: place.send(OUTSIDE, "settled@example.org")[0][0] == 250,
             15, "all to go on")


def maps_and_policy():
    with site("maps", "policy") as place:
        answers_at_rcpt(place)
        ends_with_one_recipient(place)
        parks_own_mail(place)
        outlives_policyd(place)


def maps_and_milter():
    with site("maps", "milter") as place:
        answers_at_rcpt(place)
        parks_own_mail(place)
        outlives_policyd(place)
        # the milter itself gone
        place.scratch.stop("milter")
        with smtplib.SMTP("127.0.0.1", place.postfix.smtp,
                          source_address=(OUTSIDE, 0)) as client:
            client.ehlo("client.example.net")
            is_refused(client.mail("bob@example.net"), "4.7.1")
        place.start_milter()
        assert place.send(OUTSIDE, "settled@example.org")[1][0] == 250


def maps_with_both():
    with site("maps", "policy", "milter") as place:
        answers_at_rcpt(place)
        parks_own_mail(place)
        outlives_policyd(place)


def socketmap_and_policy():
    with site("socketmap", "policy") as place:
        answers_at_rcpt(place)
        ends_with_one_recipient(place)
        parks_own_mail(place)
        outlives_policyd(place)


def socketmap_and_milter():
    with site("socketmap", "milter") as place:
        answers_at_rcpt(place)
        parks_own_mail(place)
        outlives_policyd(place)


def listener_alone():
    settled, frozen = "settled@example.org", "frozen@example.org"
    with site("listener") as place:
        listener = ScriptedHome(place.scratch, "listener",
                                path=place.sockets + "/lmtp")
        listener.start()
        answers = place.send(OUTSIDE, settled, "x@example.com")
        assert [code for code, _ in answers] == [250, 554, 250], answers
        listener.rcpt[frozen] = "451 4.2.1 mailbox is being moved"
        answers = place.send(OWN, settled, frozen)
        assert [code for code, _ in answers] == [250] * 3, answers
        entry = wait_for(lambda: place.parked(1), 15, "the frozen one")[0]
        assert [each["address"] for each in entry["recipients"]] == [frozen]
        assert len(listener.got(settled)) == 2, listener.messages
        listener.rcpt.clear()
        run(["postqueue", "-c", place.postfix.etc, "-i", entry["queue_id"]])
        wait_for(lambda: listener.got(frozen), 15, "its delivery")
        wait_for(lambda: not place.postfix.waiting(), 15, "an empty queue")


if __name__ == "__main__":
    tap.main([maps_and_policy, maps_and_milter, maps_with_both,
              socketmap_and_policy, socketmap_and_milter, listener_alone])
