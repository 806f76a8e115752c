# SPDX-License-Identifier: BSD-2-Clause
"""The mail server's end of the milter protocol, version 6 (libmilter's
mfdef.h), for what miltertest cannot do: reply texts, many sessions at once,
time limits, a second client in the same session."""

import socket
import struct

ACTIONS = 0x1ff
STEPS = 0x1fffff
NO_HELO, NO_BODY, NO_HEADERS, NO_EOH = 0x2, 0x10, 0x20, 0x40
NO_UNKNOWN, NO_DATA = 0x100, 0x200
LISTENS_TO_CONNECT, LISTENS_TO_MAIL = 0x1000, 0x4000

CONTINUE, ACCEPT, TEMPFAIL, REPLY = "c", "a", "t", "y"


class MailServer:
    """One session. Replies are (letter, text of a SMTP reply or "")."""

    def __init__(self, path, steps=STEPS, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self._send("O", struct.pack("!III", 6, ACTIONS, steps))
        letter, data = self._receive()
        assert letter == "O", letter
        _, self.actions, self.steps = struct.unpack("!III", data[:12])
        self.macros_wanted = data[12:]

    def _send(self, letter, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1)
                            + letter.encode() + data)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError("the milter closed the connection")
            data += piece
        return data

    def _receive(self):
        size, = struct.unpack("!I", self._exactly(4))
        data = self._exactly(size)
        return data[:1].decode(), data[1:]

    def _ask(self, letter, data=b"", listens=False):
        self._send(letter, data)
        if listens:
            return CONTINUE, ""
        reply, text = self._receive()
        return reply, text.rstrip(b"\0").decode("utf-8", "replace")

    def macros(self, step, **values):
        data = b"".join(name.encode() + b"\0" + value.encode() + b"\0"
                        for name, value in values.items())
        self._send("D", step.encode() + data)

    def client(self, address="192.0.2.1", port=40000,
               name="mail.example.net"):
        data = name.encode() + b"\0"
        if address is None:
            data += b"U"
        else:
            data += b"6" if ":" in address else b"4"
            data += struct.pack("!H", port) + address.encode() + b"\0"
        return self._ask("C", data, self.steps & LISTENS_TO_CONNECT)

    def mail(self, sender="bob@example.net", login=None):
        # as Postfix: what has no value is not sent, and nothing for nothing
        macros = {"{mail_addr}": sender, "{auth_authen}": login}
        macros = {name: value for name, value in macros.items()
                  if name.encode() in self.macros_wanted and value}
        if macros:
            self.macros("M", **macros)
        return self._ask("M", b"<%s>\0" % sender.encode(),
                         self.steps & LISTENS_TO_MAIL)

    def rcpt(self, recipient):
        return self._ask("R", recipient.encode("utf-8", "surrogateescape")
                         + b"\0")

    def send_rcpt(self, recipient):
        """Without waiting for the answer."""
        self._send("R", recipient.encode() + b"\0")

    def data(self):
        return self._ask("T")

    def end(self):
        return self._ask("E")

    def abort(self):
        self._send("A")

    def next_client(self):
        """Sendmail keeps the milter for its next client (SMFIC_QUIT_NC)."""
        self._send("K")

    def quit(self):
        self._send("Q")
        self.socket.close()

    def message(self, *recipients, login=None):
        """A whole transaction: {recipient: reply}, reply of DATA, of the
        end (None when the milter let the message go at DATA)."""
        self.mail(login=login)
        answers = {each: self.rcpt("<%s>" % each) for each in recipients}
        if all(letter == REPLY for letter, _ in answers.values()):
            self.abort()
            return answers, None, None
        at_data = self.data()
        if at_data[0] == ACCEPT:
            return answers, at_data, None
        return answers, at_data, self.end()
