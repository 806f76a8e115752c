# SPDX-License-Identifier: BSD-2-Clause
"""A message at each stage of its way as the freeze comes. None is lost, none
comes twice; what reaches the old mailbox late is carried over; then the account
returns, with the mail and the flags that were made at the new home."""

import os
import smtplib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from dovecot import PASSWORD  # noqa: E402
from gate import Gate  # noqa: E402
from ledger import inventory, master_session  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402
from traffic import INSIDE, OUTSIDE, compose  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
ALIAS = "team@example.net"


class Stage:
    """A site whose old server stands behind a gate, and one account that is
    ready to be frozen; the copier is not running."""

    def __init__(self, scratch, **wiring):
        self.site = Site(scratch, tap.build_directory(),
                         aliases={ALIAS: ANN}, **wiring)
        port = scratch.port()
        self.gate = Gate(port, self.site.old.lmtp)
        self.site.old.deliver = "lmtp:inet:127.0.0.1:%d" % port
        self.site.rehome.write_configuration()
        self.gate.start()
        scratch.undo.append(self.gate.close)
        self.rehome, self.postfix = self.site.rehome, self.site.postfix
        self.site.start((ANN, BOB))
        self.expected = set()
        self.copier(True)
        self.rehome.ctl("move", ANN, "--manual")
        self.rehome.wait_phase(ANN, "ready")
        self.copier(False)

    def copier(self, on):
        running = "copier" in self.site.scratch.children
        if on and not running:
            self.site.rehome.start_copier()
        elif running and not on:
            self.site.scratch.stop("copier")

    def freeze(self):
        self.rehome.ctl("freeze", ANN)
        assert self.rehome.show(ANN)["phase"] == "frozen"

    def freeze_and_close(self):
        """Until the freeze holds at delivery, too."""
        self.freeze()
        wait_for(lambda: self.rehome.show(ANN)["front"] == "closed", 10,
                 "the front to be closed")

    def finish(self):
        """Lets the copier end the freeze by the flip, and waits for peace."""
        self.copier(True)
        account = self.rehome.wait_phase(ANN, "settled")
        assert account["home"] == "destination", account
        self.copier(False)
        wait_for(lambda: not self.postfix.waiting(), 30, "an empty queue", 0.1)

    def smtp(self, source=OUTSIDE, login=None):
        smtp = smtplib.SMTP("127.0.0.1", self.postfix.smtp, timeout=30,
                            source_address=(source, 0))
        smtp.ehlo("client.example.com")
        if login:
            smtp.login(login, PASSWORD)
        return smtp

    def send(self, number, recipient, source=OUTSIDE, login=None):
        """One message; returns the last answer."""
        with self.smtp(source, login) as smtp:
            smtp.mail(login or "sender@example.com")
            answer = smtp.rcpt(recipient)
            if answer[0] != 250:
                return answer
            answer = smtp.docmd("DATA")
            assert answer[0] == 354, answer
            smtp.send(compose(number, "sender@example.com", recipient)
                      + ".\r\n")
            answer = smtp.getreply()
        if answer[0] == 250:
            self.expected.add(number)
        return answer

    def waiting(self, *queues):
        return [entry for entry in self.postfix.queue()
                if entry["queue_name"] in queues]

    def deliver_late(self, number):
        """To the old mailbox itself, past everything."""
        with smtplib.LMTP("127.0.0.1", self.site.old.lmtp) as lmtp:
            lmtp.sendmail("late@example.com", [ANN],
                          compose(number, "late@example.com", ANN))
        self.expected.add(number)

    def check(self, home):
        here, _ = inventory(home, ANN)
        assert set(here) == self.expected, (
            "missing %s, unexpected %s" % (sorted(self.expected - set(here)),
                                           sorted(set(here) - self.expected)))
        twice = {number: copies for number, copies in here.items()
                 if len(copies) > 1}
        assert not twice, twice
        return here

    def return_with_changes(self):
        """New mail and a flag at the new home go back with the account."""
        assert self.send("after", ANN)[0] == 250
        wait_for(lambda: not self.postfix.waiting(), 10, "an empty queue", 0.1)
        flagged = sorted(self.expected)[0]
        session = master_session(self.site.new, ANN)
        session.select("INBOX")
        found = session.uid("SEARCH", "HEADER", "X-Ledger", flagged)[1][0]
        session.uid("STORE", found.decode(), "+FLAGS", "(\\Flagged)")
        session.logout()
        self.copier(True)
        self.rehome.ctl("return", ANN)
        wait_for(lambda: self.rehome.show(ANN)["home"] == "source"
                 and self.rehome.show(ANN)["phase"] == "settled", 60,
                 "the account to be back", 0.1)
        here = self.check(self.site.old)
        assert "\\Flagged" in here[flagged][0].flags, here[flagged]


def stage(test):
    """Runs test(stage) at a fresh site and then the way back."""
    def run():
        with Scratch() as scratch:
            scene = Stage(scratch)
            test(scene)
            wait_for(lambda: not scene.postfix.waiting(), 20,
                     "an empty queue", 0.1)
            scene.check(scene.site.new)
            scene.return_with_changes()
    run.__name__ = test.__name__
    return run


@stage
def between_recipient_and_end_of_data(scene):
    smtp = scene.smtp()
    smtp.mail("sender@example.com")
    assert smtp.rcpt(ANN)[0] == 250
    scene.freeze()
    assert smtp.docmd("DATA")[0] == 354
    smtp.send(compose("m1", "sender@example.com", ANN) + ".\r\n")
    code, text = smtp.getreply()
    assert code == 451 and b"4.2.1" in text, (code, text)
    smtp.quit()
    scene.finish()
    assert scene.send("m1", ANN)[0] == 250


@stage
def in_the_active_queue_with_a_slow_old_server(scene):
    scene.gate.hold()
    assert scene.send("m1", ANN)[0] == 250
    wait_for(lambda: scene.waiting("active") and scene.gate.held, 10,
             "the delivery to be under way")
    scene.freeze_and_close()
    scene.copier(True)
    time.sleep(2)  # the barrier must not let the copier pass
    assert scene.rehome.show(ANN)["phase"] == "frozen"
    scene.gate.release()
    scene.finish()


@stage
def in_the_deferred_queue(scene):
    scene.gate.refusing = True
    assert scene.send("m1", ANN)[0] == 250
    wait_for(lambda: scene.waiting("deferred"), 10, "the message to wait")
    scene.freeze()
    scene.finish()


@stage
def through_an_alias(scene):
    scene.freeze_and_close()
    assert scene.send("m1", ALIAS, source=INSIDE)[0] == 250
    wait_for(lambda: scene.waiting("deferred"), 10, "the message to wait")
    scene.finish()


@stage
def from_local_submission(scene):
    scene.freeze_and_close()
    scene.postfix.sendmail("root@mx.example.net", ANN,
                           compose("m1", "root@mx.example.net", ANN))
    scene.expected.add("m1")
    wait_for(lambda: scene.waiting("deferred"), 10, "the message to wait")
    scene.finish()


@stage
def from_an_authenticated_client(scene):
    scene.freeze_and_close()
    assert scene.send("m1", ANN, login=BOB)[0] == 250
    wait_for(lambda: scene.waiting("deferred"), 10, "the message to wait")
    scene.finish()


@stage
def with_two_recipients_of_which_one_is_frozen(scene):
    scene.freeze_and_close()
    with scene.smtp() as smtp:
        smtp.mail("sender@example.com")
        assert smtp.rcpt(BOB)[0] == 250
        code, text = smtp.rcpt(ANN)
        assert code in (450, 451) and b"4.2.1" in text, (code, text)
        assert smtp.data(compose("m1", "sender@example.com", BOB))[0] == 250
    wait_for(lambda: "m1" in inventory(scene.site.old, BOB)[0], 5,
             "the other recipient's copy")
    assert scene.rehome.show(ANN)["phase"] == "frozen"
    scene.finish()
    assert scene.send("m1", ANN)[0] == 250


@stage
def at_the_old_mailbox_after_the_flip(scene):
    assert scene.send("m1", ANN)[0] == 250
    scene.freeze()
    scene.copier(True)
    scene.rehome.wait_phase(ANN, "sweeping")
    scene.deliver_late("late")
    scene.finish()


if __name__ == "__main__":
    tap.main([between_recipient_and_end_of_data,
              in_the_active_queue_with_a_slow_old_server,
              in_the_deferred_queue, through_an_alias, from_local_submission,
              from_an_authenticated_client,
              with_two_recipients_of_which_one_is_frozen,
              at_the_old_mailbox_after_the_flip])
