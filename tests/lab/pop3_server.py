# SPDX-License-Identifier: BSD-2-Clause
"""A POP3 server that says what a test tells it to. It keeps a record of what
it was asked, and of when the maildrop was in use."""

import socket
import threading
import time


class Hangup(Exception):
    """The server closes the connection."""


class Pop3Server:
    """One maildrop: `mail` is a list of [UIDL, bytes]. `capabilities` is what
    CAPA announces (None: it has none); `quirks` maps a command (or "greeting")
    to function(session, argument), which returns True when it has answered.
    `sizes` maps a UIDL to the size that LIST tells."""

    capabilities = ["USER", "TOP", "UIDL", "SASL PLAIN", "PIPELINING",
                    "RESP-CODES"]

    def __init__(self):
        self.mail, self.quirks, self.sizes = [], {}, {}
        self.seen = []        # commands, in upper case
        self.sessions = []    # [begin, end] of the maildrop's lock
        self.open = 0
        self.most_open = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, uidl, body):
        self.mail.append([uidl, body])

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        session = Session(self, connection)
        try:
            session.serve()
        except (Hangup, OSError):
            pass
        finally:
            session.leave()
            connection.close()

    def close(self):
        self.listener.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.lines = connection.makefile("rb")
        self.mail = None  # as of the login

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes)
                                else data.encode("latin-1"))

    def enter(self):
        server = self.server
        self.mail = [list(entry) for entry in server.mail]
        server.open += 1
        server.most_open = max(server.most_open, server.open)
        self.begun = [time.monotonic(), None]
        server.sessions.append(self.begun)

    def leave(self):
        if self.mail is not None:
            self.server.open -= 1
            self.begun[1] = time.monotonic()
            self.mail = None

    def serve(self):
        if not self.quirk("greeting", ""):
            self.send("+OK ready\r\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise Hangup
            verb, _, rest = line.rstrip(b"\r\n").decode("latin-1").partition(
                " ")
            verb = verb.upper()
            self.server.seen.append(verb)
            if not self.quirk(verb, rest):
                getattr(self, "do_" + verb, self.unknown)(rest)

    def quirk(self, verb, rest):
        function = self.server.quirks.get(verb)
        return function is not None and function(self, rest)

    def unknown(self, _rest):
        self.send("-ERR what\r\n")

    def lines_of(self, lines):
        self.send("+OK\r\n" + "".join(line + "\r\n" for line in lines)
                  + ".\r\n")

    def do_CAPA(self, _rest):
        if self.server.capabilities is None:
            self.send("-ERR what\r\n")
        else:
            self.lines_of(self.server.capabilities)

    def do_AUTH(self, _rest):
        self.enter()
        self.send("+OK in\r\n")

    def do_USER(self, _rest):
        self.send("+OK\r\n")

    do_PASS = do_AUTH

    def do_LIST(self, _rest):
        self.lines_of("%d %d" % (number, self.server.sizes.get(
            uidl, len(body))) for number, (uidl, body)
            in enumerate(self.mail, 1))

    def do_UIDL(self, _rest):
        self.lines_of("%d %s" % (number, uidl) for number, (uidl, _)
                      in enumerate(self.mail, 1))

    def do_RETR(self, rest):
        body = self.mail[int(rest) - 1][1]
        if body.startswith(b"."):
            body = b"." + body
        self.send(b"+OK here\r\n" + body.replace(b"\r\n.", b"\r\n..")
                  + b".\r\n")

    def do_NOOP(self, _rest):
        self.send("+OK\r\n")

    do_RSET = do_NOOP

    def do_QUIT(self, _rest):
        self.leave()
        self.send("+OK bye\r\n")
        raise Hangup
