# SPDX-License-Identifier: BSD-2-Clause
"""The mail servers of the demonstration, and the people who read there: they
know one address, the gateway's, and their password."""

import imaplib
import re
import ssl
import time

from dovecot import Dovecot, PASSWORD
from mailuser import Reader


class MailServer(Dovecot):
    """Nobody but its users can enter: rehome has no master user here, and no
    hook that locks users out. What it calls itself is its name."""

    def __init__(self, scratch, name):
        super().__init__(scratch, name,
                         extra="imap_id_send = name %s\n" % name)

    def _write_hooks(self):
        hooks = super()._write_hooks()
        with open(self.directory + "/hooks.conf", "a",
                  encoding="utf-8") as settings:
            settings.write("LOCK_NEW_USER=no\n")
        return hooks

    def system_section(self):
        return re.sub(r"    (master\w*|lock|unlock) = .*\n", "",
                      super().system_section())

    def user_entry(self, address):
        """The stored form of the user's password, or None."""
        with open(self.directory + "/users", encoding="utf-8") as users:
            for line in users:
                if line.startswith(address + ":"):
                    return line.split(":")[1]
        return None


class Person(Reader):
    """Reads by way of the gateway. tell(text) hears of logins."""

    def __init__(self, address, gateway, accepted, tell):
        super().__init__(address, (), accepted)
        self.port = gateway.port("imap", "start")
        self.trust = ssl.create_default_context(cafile=gateway.certificate)
        self.tell = tell

    def connect(self, password):
        session = imaplib.IMAP4("127.0.0.1", self.port, timeout=60)
        session.starttls(self.trust)
        session.login(self.address, password)
        return session

    def is_let_in(self, password):
        try:
            self.connect(password).logout()
        except imaplib.IMAP4.error:
            return False
        return True

    def _login(self):
        began = time.monotonic()
        try:
            session = self.connect(PASSWORD)
            session.xatom("ID", "NIL")
            name = re.search(rb'"name" "(\w+)"',
                             session.response("ID")[1][0]).group(1).decode()
        except (imaplib.IMAP4.error, OSError):
            return None
        if self.served_by[-1:] != [name]:
            self.served_by.append(name)
            self.tell("  %-17s logs in; served after %.1f s by: %s"
                      % (self.address, time.monotonic() - began, name))
        return session
