# SPDX-License-Identifier: BSD-2-Clause
"""A person who reads mail: flags, files and drafts by IMAP all the time, told
off while the account is locked and carrying on where it is served then."""

import imaplib
import re
import threading
import time

from dovecot import PASSWORD

LEDGER = re.compile(rb"X-Ledger: (\S+)")


class Reader(threading.Thread):
    """Knows what it did for certain: `flagged` and `filed` hold the numbers
    whose change was acknowledged, `drafts` the numbers it stored; `doubtful`
    what is under way; `unanswered` what was when a connection broke: it is done
    again, so that a MOVE cut off half-way leaves two."""

    def __init__(self, address, homes, accepted, pause=0.05):
        super().__init__(daemon=True)
        self.address = address
        self.homes = homes
        self.accepted = accepted
        self.pause = pause
        self.flagged = set()
        self.filed = set()
        self.drafts = set()
        self.doubtful = set()
        self.unanswered = set()
        self.failures = []
        self.told_off = 0
        self.served_by = []
        self._end = threading.Event()
        self._away = threading.Event()

    def log_out(self):
        """Ends the session properly; none is begun before log_in()."""
        self._away.set()

    def log_in(self):
        self._away.clear()

    def finish(self):
        self._end.set()
        self.join(60)
        if self.is_alive():
            raise RuntimeError("the reader of %s does not end" % self.address)
        if self.failures:
            raise RuntimeError("the reader of %s: %s"
                               % (self.address, self.failures[0]))

    def run(self):
        while not self._end.is_set():
            if self._away.is_set():
                self._end.wait(0.05)
                continue
            session = self._login()
            if session is None:
                self.told_off += 1
                self._end.wait(0.05)
                continue
            try:
                self._work(session)
            except (imaplib.IMAP4.abort, OSError):
                self.unanswered |= self.doubtful  # ended by the lock
            except Exception as error:  # a defect: told by finish()
                self.failures.append("%s: %s" % (type(error).__name__, error))
                return
            finally:
                try:
                    session.shutdown()
                except OSError:
                    pass

    def _login(self):
        for home in self.homes:
            try:
                session = imaplib.IMAP4("127.0.0.1", home.imap, timeout=20)
                session.login(self.address, PASSWORD)
            except (imaplib.IMAP4.error, OSError):
                continue
            if self.served_by[-1:] != [home.name]:
                self.served_by.append(home.name)
            return session
        return None

    def _work(self, session):
        for folder in ("Filed", "Drafts"):
            session.create(folder)  # NO when it is there already
        turn = 0
        while not (self._end.is_set() or self._away.is_set()):
            turn += 1
            self._check(session.select("INBOX"))
            if turn % 5 == 0:
                self._draft(session)
            else:
                self._handle(session, file=turn % 3 == 0)
            self._end.wait(self.pause)
        session.logout()

    def _check(self, answer):
        if answer[0] != "OK":
            raise imaplib.IMAP4.abort(str(answer))
        return answer[1]

    def _draft(self, session):
        number = self.accepted.number()
        text = ("Subject: draft %s\r\nX-Ledger: %s\r\n\r\nlater\r\n"
                % (number, number))
        self.doubtful.add(number)
        self._check(session.append("Drafts", "(\\Draft)", None,
                                   text.encode()))
        self.drafts.add(number)
        self.doubtful.discard(number)

    def _handle(self, session, file):
        """Flags one message that is not flagged yet, or files a flagged one."""
        criterion = "FLAGGED" if file else "UNFLAGGED"
        uids = self._check(session.uid("SEARCH", criterion))[0].split()
        if not uids:
            return
        uid = uids[-1].decode()
        head = self._check(session.uid(
            "FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (X-Ledger)])"))
        found = LEDGER.search(b"".join(part for item in head if item
                                       for part in item
                                       if isinstance(part, bytes)))
        if not found:
            return
        number = found.group(1).decode()
        self.doubtful.add(number)
        if file:
            self._check(session.uid("MOVE", uid, "Filed"))
            self.filed.add(number)
        else:
            self._check(session.uid("STORE", uid, "+FLAGS.SILENT",
                                    "(\\Flagged \\Seen)"))
            self.flagged.add(number)
        self.doubtful.discard(number)
