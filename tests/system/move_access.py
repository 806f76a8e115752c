# SPDX-License-Identifier: BSD-2-Clause
"""Moves that outlive lost connections, keep to a system's limits, and log in by
what the configuration says."""

import hashlib
import imaplib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Framed, Hangup, Proxy  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch  # noqa: E402

MESSAGES, SIZE = 60, 8000


class System(Dovecot):
    """Its section has further lines, and perhaps another port."""

    options, port = "", None

    def system_section(self):
        section = super().system_section()
        if self.port is not None:
            section = section.replace("127.0.0.1:%d\"" % self.imap,
                                      "127.0.0.1:%d\"" % self.port)
        return section.rstrip().rstrip("}") + self.options + "\n}\n"


class Site:
    """Two systems, policyd, and an account; no mail flows."""

    def __init__(self, lab, address, extra="", **settings):
        self.address = address
        self.old = System(lab, "old", extra=extra)
        self.new = System(lab, "new", extra=extra)
        self.rehome = Rehome(lab, tap.build_directory(),
                             (self.old, self.new), **settings)
        for system in (self.old, self.new):
            system.start()
        self.old.add_user(address)
        client = imaplib.IMAP4("127.0.0.1", self.old.imap)
        client.login(address, PASSWORD)
        for number in range(MESSAGES):
            client.append("INBOX", "", None, b"Subject: %d\r\n\r\n" % number
                          + hashlib.sha256(b"%d" % number).hexdigest().encode()
                          * (SIZE // 64))
        client.logout()
        self.before = read_account(self.old.imap, address, PASSWORD)
        self.rehome.start_policyd()
        self.rehome.ctl("add", address, "--source", "old", "--destination",
                        "new")

    def move(self):
        """One run of the copier; its log, and the account afterwards."""
        self.rehome.write_configuration()
        self.rehome.ctl("move", self.address)
        self.rehome.scratch.spawn("copier", [
            self.rehome.program("copier/rehome-copier"), "-c",
            self.rehome.config, "--batch"])
        self.rehome.scratch.children["copier"].wait(50)
        return (self.rehome.scratch.log("copier"),
                self.rehome.show(self.address))


def goes_on_when_connections_are_lost():
    """Each of the first connections to the old system is good for a third."""
    with Scratch("rehome-move-access") as lab:
        site = Site(lab, "ann@example.org")

        class Often(Proxy):
            def passing(self, link, way, data):
                if way == "down" and link.number < 3:
                    link.passed = getattr(link, "passed", 0) + len(data)
                    if link.passed > MESSAGES * SIZE // 3:
                        link.hang_up()
                        return
                super().passing(link, way, data)

        with Often(site.old.imap) as proxy:
            site.old.port = proxy.port
            site.old.options = "    lanes = 1\n"
            log, account = site.move()
        assert account["home"] == "destination", (account, log)
        assert log.count("going on in") >= 2, log
        assert "thaw" not in log, log
        found = differences(site.before, read_account(
            site.new.imap, site.address, PASSWORD))
        assert not found, found


class Listing(Framed):
    """Hangs up whenever the folders are listed, each other time."""

    lists = 0

    def command(self, link, tag, name, line):
        if name == b"LIST":
            self.lists += 1
            if self.lists % 2:
                raise Hangup


def goes_on_at_every_stage():
    """Preflight, rounds, proof and sweep: each loses its connection once."""
    for side in ("old", "new"):
        with Scratch("rehome-move-access") as lab:
            site = Site(lab, "ann@example.org")
            system = getattr(site, side)
            with Listing(system.imap) as proxy:
                system.port = proxy.port
                system.options = "    lanes = 1\n"
                log, account = site.move()
            assert account["phase"] == "settled", (account, log)
            assert account["home"] == "destination", (account, log)
            assert "thaw" not in log and not account.get("failure"), log
            assert log.count("going on in") == proxy.lists // 2 >= 4, (
                proxy.lists, log)
            found = differences(site.before, read_account(
                site.new.imap, site.address, PASSWORD))
            assert not found, found


def gives_the_account_back_for_the_day():
    with Scratch("rehome-move-access") as lab:
        site = Site(lab, "ann@example.org")
        site.old.options = '    day_bytes = "100k"\n'
        log, account = site.move()
        assert "the 100k bytes of today are spent" in log, log
        assert account["home"] == "source", account
        assert account["phase"] in ("requested", "copying"), account
        assert not account.get("failure"), account
        # with more to spend it need not be the next day
        site.rehome.ctl("cancel", site.address)
        site.old.options = '    day_bytes = "1G"\n'
        began = time.monotonic()
        log, account = site.move()
        assert account["home"] == "destination", (account, log)
        assert time.monotonic() - began < 45


def hurries_in_a_freeze():
    """What a limit slows down before it does not slow down a freeze."""
    with Scratch("rehome-move-access") as lab:
        site = Site(lab, "ann@example.org")
        site.old.options = '    rate_bytes = "120k"\n    lanes = 1\n'
        began = time.monotonic()
        log, account = site.move()
        took = time.monotonic() - began
        assert account["home"] == "destination", (account, log)
        assert took > 2, took
        assert 0 <= int(account["freeze_ms"]) < 1500, account


def logs_in_as_configured():
    """A mechanism that is not offered is named; a master user by SCRAM."""
    with Scratch("rehome-move-access") as lab:
        site = Site(lab, "ann@example.org")
        site.old.options = '    mechanism = "scram-sha-256"\n'
        log, account = site.move()
        assert "the server does not offer SCRAM-SHA-256; it offers PLAIN" \
            in log, log
        assert account["home"] == "source"
        assert "master-pw" not in log


def logs_in_as_a_master_user_by_scram():
    """Both systems offer it; the master user acts for the account."""
    with Scratch("rehome-move-access") as lab:
        site = Site(lab, "ann@example.org",
                    extra="auth_mechanisms = plain login scram-sha-256\n"
                          "auth_debug = yes\n")
        log, account = site.move()
        assert account["home"] == "destination", (account, log)
        with open(os.path.join(site.old.directory, "dovecot.log"),
                  encoding="utf-8", errors="replace") as text:
            said = text.read()
        assert "method=SCRAM-SHA-256" in said and "master_user=migrator" in \
            said, said[-3000:]
        assert "master-pw" not in log


if __name__ == "__main__":
    tap.main([
        goes_on_when_connections_are_lost,
        goes_on_at_every_stage,
        gives_the_account_back_for_the_day,
        hurries_in_a_freeze,
        logs_in_as_configured,
        logs_in_as_a_master_user_by_scram,
    ])
