# SPDX-License-Identifier: BSD-2-Clause
"""When something is missing: policyd down, its store failing, the disk full,
a socket gone. Mail for managed accounts waits, all other mail passes, and when
it is back everything goes on by itself."""

import os
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from ledger import inventory  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402
from traffic import INSIDE, OUTSIDE, compose  # noqa: E402

ANN = "ann@example.org"
OTHER = "someone@other.example"
FAR = "someone@far.example.com"
OTHER_DOMAIN = """
virtual_mailbox_domains = other.example
virtual_mailbox_maps = static:all
virtual_transport = discard:
"""


def answer(site, recipient, number="m", source=OUTSIDE):
    """The answer to a whole message, or to the step that ended it."""
    try:
        with smtplib.SMTP("127.0.0.1", site.postfix.smtp, timeout=40,
                          source_address=(source, 0)) as smtp:
            smtp.ehlo("client.example.com")
            reply = smtp.mail("sender@example.com")
            if reply[0] == 250:
                reply = smtp.rcpt(recipient)
            if reply[0] == 250:
                reply = smtp.data(compose(number, "sender@example.com",
                                          recipient))
            return reply
    except smtplib.SMTPResponseException as error:
        return error.smtp_code, error.smtp_error


def others_pass(site):
    code, text = answer(site, OTHER)
    assert code == 250, "another domain: %s %s" % (code, text)
    code, text = answer(site, FAR, source=INSIDE)
    assert code == 250, "outgoing mail: %s %s" % (code, text)


def managed_waits(site, recipient=ANN):
    code, text = answer(site, recipient)
    assert 400 <= code < 500, "managed recipient: %s %s" % (code, text)


def all_goes_on(site, number):
    wait_for(lambda: answer(site, ANN, number)[0] == 250, 30,
             "mail to pass again", 0.5)
    site.postfix.flush()
    wait_for(lambda: number in inventory(site.old, ANN)[0], 20,
             "the message to be delivered", 0.2)
    others_pass(site)


def site_with(scratch, **wiring):
    site = Site(scratch, tap.build_directory(), postfix_extra=OTHER_DOMAIN,
                **wiring)
    site.start((ANN,))
    all_goes_on(site, "before")
    return site


def policyd_goes_and_comes(**wiring):
    with Scratch() as scratch:
        site = site_with(scratch, **wiring)
        scratch.stop("policyd")
        managed_waits(site)
        others_pass(site)
        site.rehome.start_policyd()
        all_goes_on(site, "after")


def policyd_down_behind_the_policy_service():
    policyd_goes_and_comes(policy=True, milter=False)


def policyd_down_behind_the_milter():
    policyd_goes_and_comes(policy=False, milter=True)


def policyd_down_behind_both():
    policyd_goes_and_comes(policy=True, milter=True)


def policyd_down_with_socketmap_bounces_nothing():
    with Scratch() as scratch:
        site = site_with(scratch, policy=False, milter=False,
                         maps="socketmap")
        scratch.stop("policyd")
        managed_waits(site, "never-asked-for@" + ANN.split("@")[1])
        site.postfix.command("reload")
        # An smtpd that waits for a client answers one more from its cache.
        wait_for(lambda: answer(site, ANN)[0] != 250, 10,
                 "the routes of before to be forgotten", 0.2)
        managed_waits(site)
        site.rehome.start_policyd()
        all_goes_on(site, "after")


def policyd_down_with_maps_alone_changes_nothing():
    with Scratch() as scratch:
        site = site_with(scratch, policy=False, milter=False)
        scratch.stop("policyd")
        all_goes_on(site, "meanwhile")
        site.rehome.start_policyd()
        all_goes_on(site, "after")


def store_fails_and_recovers():
    with Scratch() as scratch:
        switch = os.path.join(scratch.path, "store-fails")
        site = site_with(scratch, store="fail:all:%s:bdb:%s" % (
            switch, os.path.join(scratch.path, "rehome", "store")))
        scratch.file("store-fails", text="")
        managed_waits(site)
        others_pass(site)
        done = site.rehome.ctl("move", ANN, check=False)
        assert done.returncode != 0 and done.stderr.strip(), done
        os.unlink(switch)
        all_goes_on(site, "after")
        site.rehome.start_copier()
        site.rehome.ctl("move", ANN)
        wait_for(lambda: site.rehome.show(ANN)["home"] == "destination", 60,
                 "the account to move", 0.1)


def disk_full():
    with Scratch() as scratch:
        mount = scratch.dir("small")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs",
                           mount], capture_output=True,
                          check=False).returncode:
            raise tap.Skip("no tmpfs can be mounted here")
        scratch.undo.append(lambda: run(["umount", "-l", mount]))
        site = site_with(scratch, store="bdb:%s/store" % mount)
        ballast = os.path.join(mount, "ballast")
        with open(ballast, "wb") as full:
            try:
                while True:
                    full.write(b"x" * 65536)
                    full.flush()
            except OSError:
                pass
        failed = None
        for index in range(400):  # until the preallocated log is used up
            done = site.rehome.ctl("add", "u%d@example.org" % index,
                                   "--source", "old", "--destination", "new",
                                   check=False)
            if done.returncode:
                failed = done
                break
        if failed is None:
            print("# the log did not grow beyond its file", flush=True)
        else:
            assert failed.stderr.strip(), failed
        assert answer(site, ANN)[0] < 500
        others_pass(site)
        os.unlink(ballast)
        if site.rehome.ctl("status", check=False).returncode:
            site.rehome.start_policyd()  # what a service manager does
        wait_for(lambda: site.rehome.ctl(
            "add", "later@example.org", "--source", "old", "--destination",
            "new", check=False).returncode == 0, 20, "a transition to work")
        all_goes_on(site, "after")


def socket_gone():
    with Scratch() as scratch:
        site = site_with(scratch, policy=True, milter=True)
        os.unlink(site.rehome.directory + "/policy")
        site.rehome.scratch.stop("milter")
        site.rehome.start_milter()
        managed_waits(site)
        others_pass(site)
        scratch.stop("policyd")
        site.rehome.start_policyd()
        all_goes_on(site, "after")


if __name__ == "__main__":
    tap.main([policyd_down_behind_the_policy_service,
              policyd_down_behind_the_milter, policyd_down_behind_both,
              policyd_down_with_socketmap_bounces_nothing,
              policyd_down_with_maps_alone_changes_nothing,
              store_fails_and_recovers, disk_full, socket_gone])
