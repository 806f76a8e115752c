#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Passwords that the gateway learns: a wrong one teaches nothing and begins
nothing; the right one moves the account and makes it at the new system; it
stands nowhere in the clear, neither on disk nor in a process."""

import base64
import binascii
import glob
import imaplib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from gateway import Front, Home  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
SECRET = "Qz7-pale\"violet\\harbour-under-nineteen-lanterns"
WRONG = "Xk2-loud-copper-meadow-behind-forty-orange-gates"
MAIL = b"Subject: %d\r\n\r\nNumber %d.\r\n"


class Alone(Home):
    """A mail system that nobody but its users can enter."""

    def _write_hooks(self):
        hooks = super()._write_hooks()
        with open(os.path.join(self.directory, "hooks.conf"), "a",
                  encoding="utf-8") as settings:
            settings.write("LOCK_NEW_USER=no\n")
        return hooks

    def system_section(self):
        section = re.sub(r"    master.*\n", "", super().system_section())
        return section.rstrip().rstrip("}") + (
            '    provision = "%s"\n}\n' % self.hooks["provision"])


class Site(Front):
    def __init__(self, lab, **settings):
        self.private = os.path.join(lab.dir("keys"), "learned.key")
        self.public = os.path.join(lab.dir("keys"), "learned.pub")
        run(["openssl", "genpkey", "-algorithm", "X25519", "-out",
             self.private])
        run(["openssl", "pkey", "-in", self.private, "-pubout", "-out",
             self.public])
        super().__init__(
            lab, tap.build_directory(), [], old=Alone(lab, "old"),
            new=Alone(lab, "new"), protocols=("imap",),
            options='    public_key = "%s"\n' % self.public,
            forms=("none", "start", "implicit"), **settings)
        config = self.rehome.config
        with open(config, encoding="utf-8") as text:
            lines = text.read()
        with open(config, "w", encoding="utf-8") as text:
            text.write(lines.replace(
                "copier {", 'copier {\n    private_key = "%s"'
                % self.private, 1))

    def begin(self, *users):
        """Users of the old system, each with mail and the secret."""
        with open(os.path.join(self.old.directory, "users"), "a",
                  encoding="utf-8") as file:
            for user in users:
                file.write("%s:%s::::::\n" % (user, hashed(SECRET)))
        with open(os.path.join(self.new.directory, "users"), "a",
                  encoding="utf-8"):
            pass
        self.start()
        for user in users:
            self.rehome.ctl("add", user, "--source", "old", "--destination",
                            "new")
            client = self.login(user, SECRET, port=self.old.imap)
            for number in range(5):
                client.append("INBOX", "", None, MAIL % (number, number))
            client.logout()

    def login(self, user, password, form="none", port=None):
        if form == "implicit":
            client = imaplib.IMAP4_SSL("127.0.0.1", self.port("imap", form))
        else:
            client = imaplib.IMAP4("127.0.0.1",
                                   port or self.port("imap", form), 30)
        if form == "start":
            client.starttls()
        client.login(user, password)
        return client

    def denied(self, user, password):
        try:
            self.login(user, password)
        except imaplib.IMAP4.error:
            return True
        return False


def hashed(password):
    return run(["doveadm", "pw", "-s", "SHA512-CRYPT"],
               input=password + "\n" + password + "\n").strip()


def forms_of(secret, user):
    """As it may stand somewhere: itself, its end (the allocator writes over
    the beginning of what is freed), as IMAP quotes it, in base64 at each
    offset of a SASL PLAIN, in hexadecimal."""
    plain = secret.encode()
    forms = {plain, plain[-20:], plain.replace(b"\\", b"\\\\").replace(b'"', b'\\"'),
             binascii.hexlify(plain), binascii.hexlify(plain).upper(),
             base64.b64encode(b"\0%s\0%s" % (user.encode(), plain))}
    for skip in range(3):
        cut = plain[skip:]
        forms.add(base64.b64encode(cut[:len(cut) // 3 * 3]))
    return forms


def found_in_files(directory, forms):
    names = []
    for path, _, files in os.walk(directory):
        for name in files:
            full = os.path.join(path, name)
            if not os.path.isfile(full):
                continue
            with open(full, "rb") as file:
                data = file.read()
            if any(form in data for form in forms):
                names.append(full)
    return names


def found_in_memory(pid, forms):
    """Where a process has it: arguments, environment, or pages that it may
    write."""
    places = []
    for name in ("cmdline", "environ"):
        with open("/proc/%d/%s" % (pid, name), "rb") as file:
            if any(form in file.read() for form in forms):
                places.append(name)
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, \
            open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            bounds, rights = line.split()[:2]
            if not rights.startswith("rw") or "[v" in line:
                continue
            low, high = (int(bound, 16) for bound in bounds.split("-"))
            memory.seek(low)
            try:
                data = memory.read(high - low)
            except OSError:
                continue
            for form in forms:
                at = data.find(form)
                if at >= 0:
                    places.append("%s+%x: %r" % (
                        line.strip(), at, data[max(at - 24, 0):at + 40]))
    return places


def process_tree(pid):
    pids = [pid]
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        with open(path, encoding="ascii") as file:
            for child in file.read().split():
                pids += process_tree(int(child))
    return pids


def nothing_is_left(lab, secrets, user):
    for secret in secrets:
        forms = forms_of(secret, user)
        files = found_in_files(lab.path, forms)
        assert not files, files
        for name in ("policyd", "gateway", "copier"):
            if name in lab.children:
                for pid in process_tree(lab.children[name].pid):
                    places = found_in_memory(pid, forms)
                    assert not places, (name, places)


def right_password_moves_the_account():
    with Scratch() as lab:
        site = Site(lab)
        site.begin(ANN)
        site.rehome.ctl("move", ANN, "--strategy", "logout")
        site.rehome.start_copier("--daemon")
        assert site.denied(ANN, WRONG)
        wait_for(lambda: "denied" in site.gateway.log(), 5, "the denial")
        assert site.rehome.show(ANN)["phase"] == "requested"
        assert "learned=yes" not in lab.log("policyd")
        client = site.login(ANN, SECRET)
        # at work while it is moved in the background
        assert client.select()[1] == [b"5"]
        client.append("INBOX", "", None, MAIL % (5, 5))
        client.logout()
        wait_for(lambda: site.rehome.show(ANN)["home"] == "destination", 30,
                 "the flip", 0.1)
        site.rehome.wait_phase(ANN, "settled")
        client = site.login(ANN, SECRET, form="implicit")
        assert client.select()[1] == [b"6"]
        assert client.fetch("1:*", "(BODY.PEEK[])")[0] == "OK"
        client.logout()
        client = site.login(ANN, SECRET, port=site.new.imap)
        assert client.select()[1] == [b"6"]
        client.logout()
        assert site.denied(ANN, WRONG)
        nothing_is_left(lab, (SECRET, WRONG), ANN)
        with open(os.path.join(site.new.directory, "users"),
                  encoding="utf-8") as users:
            assert "{ARGON2ID}$argon2id$" in users.read()


def other_key_is_told_and_moves_nothing():
    with Scratch() as lab:
        site = Site(lab)
        run(["openssl", "genpkey", "-algorithm", "X25519", "-out",
             site.private])
        site.begin(ANN)
        site.rehome.ctl("move", ANN, "--strategy", "logout")
        site.login(ANN, SECRET).logout()
        site.rehome.start_copier()
        wait_for(lambda: "was sealed for another key" in lab.log("copier"),
                 10, "the copier to tell")
        wait_for(lambda: "has not been learned" in
                 site.rehome.show(ANN).get("failure", ""), 10, "the failure")
        account = site.rehome.show(ANN)
        assert account["home"] == "source", account
        client = site.login(ANN, SECRET)
        assert client.select()[1] == [b"5"]
        client.logout()
        nothing_is_left(lab, (SECRET,), ANN)


if __name__ == "__main__":
    tap.main([right_password_moves_the_account,
              other_key_is_told_and_moves_nothing])
