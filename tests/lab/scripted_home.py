# SPDX-License-Identifier: BSD-2-Clause
"""A delivery server that does as it is told, also what no server should: for
the gateway's deliveries. It keeps all that it has acknowledged."""

import os
import socket
import ssl
import threading
import time


class ScriptedHome:
    """As a system of rehome.conf. smtp: one answer for all, by EHLO. What may
    be changed while it runs: offers, rcpt (address -> reply), end (one reply
    for a recipient, or "die", "hang", "stuck", "early"), greeting, pace (seconds before
    each read of content)."""

    def __init__(self, scratch, name, smtp=False, tls=None, certificate=None,
                 key=None, offers=("PIPELINING", "8BITMIME", "SIZE 50000000"),
                 options="", imap=1, path=None):
        self.name = name
        self.path = path  # a socket there instead of the port
        self.smtp = smtp
        self.tls = tls
        self.port = scratch.port()
        self.imap = imap
        self.offers = list(offers)
        self.options = options
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
        self.rcpt = {}
        self.end = {}
        self.greeting = "220 home"
        self.once = False  # closes at the second MAIL of a connection
        self.pace = 0
        self.messages = []  # (recipients, sender line, content)
        self.lines = []  # commands, of all connections
        self.connections = 0
        self.open = set()
        self.lock = threading.Lock()
        self.listener = None

    def system_section(self):
        scheme = ("smtp" if self.smtp else "lmtp") + {
            None: "", "start": "+starttls", "implicit": "s"}[self.tls]
        return """
system "%s" {
    imap = "imap://127.0.0.1:%d"
    deliver = "lmtp:inet:127.0.0.1:%d"
    lmtp = "%s://127.0.0.1:%d"
    timeout = "3s"
    %s
}
""" % (self.name, self.imap, self.port, scheme, self.port, self.options)

    def start(self):
        if self.path:
            self.listener = socket.create_server(self.path, backlog=64,
                                                 family=socket.AF_UNIX)
            os.chmod(self.path, 0o666)
        else:
            self.listener = socket.create_server(("127.0.0.1", self.port),
                                                 backlog=64)
        threading.Thread(target=self._accept, args=(self.listener,),
                         daemon=True).start()

    def stop(self):
        """As when its process is killed."""
        if self.listener:
            # wakes accept(), which keeps the port busy otherwise
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None
        self.cut()

    def cut(self):
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(connection)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        raw = connection
        try:
            if self.tls == "implicit":
                connection = self.context.wrap_socket(connection,
                                                      server_side=True)
            _Talk(self, connection).run()
        except (OSError, EOFError, ValueError):
            pass
        with self.lock:
            self.open.discard(raw)
        try:
            connection.close()
        except OSError:
            pass

    def got(self, address):
        """The contents that it has acknowledged for a recipient."""
        with self.lock:
            return [content for to, _, content in self.messages
                    if address in to]

    def said(self, front):
        with self.lock:
            return [line for line in self.lines if line.startswith(front)]


class _Talk:
    def __init__(self, home, connection):
        self.home = home
        self.connection = connection
        self.file = connection.makefile("rb")
        self.to = []
        self.sender = ""
        self.chunks = b""
        self.chunked = False

    def say(self, *lines):
        self.connection.sendall("".join(
            line + "\r\n" for line in lines).encode())

    def run(self):
        while not self.home.greeting:  # it says nothing
            time.sleep(0.05)
        self.say(self.home.greeting)
        while True:
            line = self.file.readline()
            if not line:
                return
            line = line.decode().rstrip("\r\n")
            with self.home.lock:
                self.home.lines.append(line)
            if self.command(line.split(" ")[0].upper(), line) is False:
                return

    def command(self, verb, line):
        if verb in ("LHLO", "EHLO"):
            if (verb == "EHLO") != self.home.smtp:
                return self.say("500 5.5.1 wrong greeting")
            offers = list(self.home.offers)
            if self.home.tls == "start" and not isinstance(
                    self.connection, ssl.SSLSocket):
                offers.append("STARTTLS")
            self.say(*["250-" + x for x in ["home"] + offers], "250 HELP")
        elif verb == "STARTTLS":
            self.say("220 go")
            self.connection = self.home.context.wrap_socket(
                self.connection, server_side=True)
            self.file = self.connection.makefile("rb")
        elif verb == "XCLIENT":
            self.say("220 again")
        elif verb == "MAIL":
            if self.home.once and self.sender:
                return False
            self.sender, self.to, self.chunks = line, [], b""
            self.chunked = False
            self.say("250 2.1.0 ok")
        elif verb == "RCPT":
            address = line.split("<")[1].split(">")[0]
            reply = self.home.rcpt.get(address, "250 2.1.5 ok")
            if reply == "hang":
                time.sleep(60)
            if reply == "die":
                return False
            if reply.startswith("2"):
                self.to.append(address)
            self.say(reply)
        elif verb == "DATA":
            return self.data()
        elif verb == "BDAT":
            return self.bdat(line.split())
        elif verb in ("RSET", "NOOP"):
            self.say("250 2.0.0 ok")
        elif verb == "QUIT":
            self.say("221 2.0.0 bye")
            return False
        else:
            self.say("500 5.5.2 what?")
        return True

    def data(self):
        if "early" in self.home.end.values():
            self.say("250 2.0.0 early")
        self.say("354 go")
        content = []
        while True:
            if self.home.pace:
                time.sleep(self.home.pace)
            line = self.file.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            content.append(line[1:] if line.startswith(b".") else line)
        return self.answer(b"".join(content))

    def bdat(self, words):
        size = int(words[1])
        while size > 0:
            got = self.file.read(min(size, 65536))
            if not got:
                return False
            self.chunks += got
            size -= len(got)
        if words[-1].upper() == "LAST":
            return self.answer(self.chunks)
        self.say("250 2.0.0 chunk")
        return True

    def answer(self, content):
        replies = []
        for address in self.to[:1] if self.home.smtp else self.to:
            replies.append(self.home.end.get(address, "250 2.0.0 stored"))
        for address, reply in zip(self.to, replies):
            if reply == "hang":
                while self.connection.recv(4096):
                    pass
                return False
            if reply == "stuck":  # does not even see that we have gone
                time.sleep(4)
                return False
            if reply in ("die", "early"):
                return False
            taken = self.to if self.home.smtp else [address]
            if reply.startswith("2"):
                with self.home.lock:
                    self.home.messages.append((list(taken), self.sender,
                                               content))
            self.say(reply)
        return True
