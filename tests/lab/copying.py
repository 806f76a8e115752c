# SPDX-License-Identifier: BSD-2-Clause
"""Runs `rehome copy` in the laboratory and understands what it reports."""

import json
import os
import subprocess

import tap
from dovecot import PASSWORD

COPIER = os.path.join(tap.build_directory(), "copier", "rehome-copier")


def url(port, user):
    return "imap://%s@127.0.0.1:%d" % (user.replace("@", "%40"), port)


class Copy:
    """The copy of one account between two ports, with a journal of its own."""

    def __init__(self, scratch, name, old, new, user, new_user=None):
        self.old, self.new, self.user = old, new, user
        self.new_user = new_user or user
        self.state = scratch.dir("state", name, self.new_user)
        self.secret = scratch.file("state", name, self.new_user + ".password",
                                   text=PASSWORD + "\n", mode=0o600)
        self.code = self.report = None
        self.said = self.told = ""

    def arguments(self, *options, old=None, new=None):
        return [COPIER, "copy", url(old or self.old, self.user),
                url(new or self.new, self.new_user),
                "--source-password-file", self.secret,
                "--destination-password-file", self.secret,
                "--state", self.state, "--json", *options]

    def run(self, *options, codes=(0,), seconds=60, env=None, **ports):
        """The report; its exit code must be one of `codes`."""
        done = subprocess.run(
            self.arguments(*options, **ports), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace",
            timeout=seconds, env=dict(os.environ, **(env or {})))
        self.code = done.returncode
        self.said, self.told = done.stderr, done.stdout
        self.report = self.understand(done.stdout)
        assert codes is None or self.code in codes, (
            "exit %d: %s%s" % (self.code, done.stdout[-3000:],
                               done.stderr[-3000:]))
        return self.report

    @staticmethod
    def understand(text):
        """The report is the last line."""
        lines = text.strip().splitlines()
        return json.loads(lines[-1]) if lines else {}

    def refused(self):
        """{(folder as the source writes it, uid): words}"""
        return {(item["folder"], item["uid"]): item["words"]
                for item in self.report.get("refused", ())}
