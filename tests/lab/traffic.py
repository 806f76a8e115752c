# SPDX-License-Identifier: BSD-2-Clause
"""Senders that never stop: each message has a number of its own, and a sender
that is told to try later does so, with the same message."""

import smtplib
import threading
import time

from dovecot import PASSWORD

OUTSIDE = "127.0.0.2"
INSIDE = "127.0.0.1"


class Accepted:
    """What the front accepted: number -> accounts that must have it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = {}
        self.deferred = 0
        self.refused = []
        self.unanswered = set()
        self._next = 0

    def number(self):
        with self.lock:
            self._next += 1
            return "m%06d" % self._next

    def accept(self, number, accounts):
        with self.lock:
            self.messages.setdefault(number, set()).update(accounts)

    def defer(self):
        with self.lock:
            self.deferred += 1

    def refuse(self, number, answer):
        with self.lock:
            self.refused.append((number, answer))

    def lost_answer(self, number):
        """The answer to the end of data never came: a repeat is lawful."""
        with self.lock:
            self.unanswered.add(number)


def compose(number, sender, recipient, body="hello"):
    return ("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n"
            "Message-ID: <%s@ledger.example.net>\r\nX-Ledger: %s\r\n\r\n%s\r\n"
            % (sender, recipient, number, number, number, body))


class Sender(threading.Thread):
    """Sends to recipients in turn; route maps a recipient to its account."""

    def __init__(self, accepted, recipients, route, pause=0.02,
                 retry_after=0.15):
        super().__init__(daemon=True)
        self.accepted = accepted
        self.recipients = recipients
        self.route = route
        self.pause = pause
        self.retry_after = retry_after
        self.sent = 0
        self._end = threading.Event()

    def finish(self):
        self._end.set()
        self.join(60)
        if self.is_alive():
            raise RuntimeError("%s does not end" % self)

    def run(self):
        turn = 0
        while not self._end.is_set():
            recipient = self.recipients[turn % len(self.recipients)]
            turn += 1
            self.deliver(self.accepted.number(), recipient)
            self.sent += 1
            self._end.wait(self.pause)

    def deliver(self, number, recipient):
        """Until it is accepted or refused for good."""
        deadline = time.monotonic() + 50
        while time.monotonic() < deadline:
            answer = self.attempt(number, recipient)
            if answer is None:
                self.accepted.lost_answer(number)
            elif 200 <= answer[0] < 300:
                self.accepted.accept(number, [self.route[recipient]])
                return
            elif answer[0] >= 500:
                self.accepted.refuse(number, answer)
                return
            else:
                self.accepted.defer()
            time.sleep(self.retry_after)
        self.accepted.refuse(number, (0, "deferred for 50 s"))

    def attempt(self, number, recipient):
        raise NotImplementedError


class SmtpSender(Sender):
    """Outside mail, or with source INSIDE mail of the own network, or with a
    login mail of an authenticated user."""

    def __init__(self, accepted, recipients, route, port, source=OUTSIDE,
                 login=None, **options):
        super().__init__(accepted, recipients, route, **options)
        self.port = port
        self.source = source
        self.login = login

    def attempt(self, number, recipient):
        sender = self.login or "sender@example.com"
        in_data = False
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30,
                              source_address=(self.source, 0)) as smtp:
                smtp.ehlo("sender.example.com")
                if self.login:
                    smtp.login(self.login, PASSWORD)
                answer = smtp.mail(sender)
                if answer[0] == 250:
                    answer = smtp.rcpt(recipient)
                if answer[0] != 250:
                    return answer
                in_data = True
                return smtp.data(compose(number, sender, recipient))
        except smtplib.SMTPDataError as error:
            return error.smtp_code, error.smtp_error
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, error.smtp_error
        except (OSError, smtplib.SMTPException) as error:
            return None if in_data else (421, str(error))


class LocalSender(Sender):
    """Mail of local programs by sendmail(1) of the server, a Postfix or a
    Sendmail."""

    def __init__(self, accepted, recipients, route, server, **options):
        super().__init__(accepted, recipients, route, **options)
        self.server = server

    def attempt(self, number, recipient):
        try:
            self.server.sendmail("root@mx.example.net", recipient,
                                 compose(number, "root@mx.example.net",
                                         recipient))
            return 250, "queued"
        except RuntimeError as error:
            return 451, str(error)
