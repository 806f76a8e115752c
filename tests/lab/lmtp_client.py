# SPDX-License-Identifier: BSD-2-Clause
"""A client of LMTP that shows each answer; smtplib's cannot have several
answers to one end of data."""

import socket


class LmtpClient:
    def __init__(self, port, timeout=30, name="mx.example.net"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.socket.makefile("rb")
        self.opened()
        self.greeting = self.answer()
        self.offers = self.command("LHLO " + name)

    def opened(self):
        """For TLS from the first octet on."""

    def answer(self):
        """All lines of one answer, without line ends."""
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace")
            if not line:
                raise EOFError("closed, after %r" % lines)
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.socket.sendall(data)

    def command(self, line):
        self.say(line + "\r\n")
        return self.answer()

    def begin(self, *recipients, sender="s@example.net", options=""):
        """Pipelined; the answers to each RCPT."""
        self.say("MAIL FROM:<%s>%s\r\n" % (sender, options) + "".join(
            "RCPT TO:<%s>\r\n" % each for each in recipients))
        mail = self.answer()
        if not mail.startswith("250"):
            raise RuntimeError(mail)
        return [self.answer() for _ in recipients]

    def data(self, content, count):
        """The answers for count accepted recipients. content has CRLF."""
        go = self.command("DATA")
        if not go.startswith("354"):
            raise RuntimeError(go)
        if content.startswith(b"."):
            content = b"." + content
        self.say(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return [self.answer() for _ in range(count)]

    def send(self, content, *recipients, **options):
        """The last answer for each recipient."""
        first = self.begin(*recipients, **options)
        good = [each for each in first if each.startswith("250")]
        if not good:
            self.command("RSET")
            return first
        last = iter(self.data(content, len(good)))
        return [next(last) if each.startswith("250") else each
                for each in first]

    def close(self):
        self.file.close()
        self.socket.close()
