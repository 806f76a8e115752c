# SPDX-License-Identifier: BSD-2-Clause
"""Stand-ins for policyd's sockets that answer what a test wants, or fail as a
test wants: policyd itself cannot be made to fail on demand."""

import os
import socket
import threading
import time

GO_ON = {"action": "go-on", "moving": "no"}
MOVING = {"action": "go-on", "moving": "yes"}
DEFER = {"action": "defer", "moving": "yes"}
LATER = {"action": "later", "moving": "yes"}


class Stub:
    """A server at a UNIX socket, a thread for each connection."""

    def __init__(self, path):
        self.path = path
        self.asked = []
        self.connections = 0
        self._lock = threading.Lock()
        self._listener = None
        self._open = set()

    def start(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self._listener.listen(128)
        threading.Thread(target=self._accept, args=(self._listener,),
                         daemon=True).start()

    def stop(self):
        """As a policyd that was killed: every connection is gone."""
        if self._listener is None:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None
        os.unlink(self.path)
        with self._lock:
            for connection in self._open:
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
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            with connection.makefile("rb") as stream:
                request = self.read(stream)
                while request is not None:
                    if not self.reply(connection, request):
                        break
                    request = self.read(stream)
        except OSError:
            pass
        with self._lock:
            self._open.discard(connection)
        connection.close()


class PolicydStub(Stub):
    """The policy socket. replies: recipient -> the replies to the milter, one
    question after the other; the last one stays. actions: recipient -> what
    Postfix is told. delay: seconds before each answer. misbehaviour: None, or
    what happens to each question: "hang", "close", "half", "garbage", "twice", "error"."""

    def __init__(self, path):
        super().__init__(path)
        self.replies = {}
        self.actions = {}
        self.misbehaviour = None
        self.delay = 0

    def read(self, stream):
        request = {}
        for line in stream:
            line = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if not line:
                return request
            name, _, value = line.partition("=")
            request[name] = value
        return None

    def answer(self, request):
        with self._lock:
            self.asked.append(request["recipient"])
            if request["request"] == "smtpd_access_policy":
                return "action=%s\n" % self.actions.get(
                    request["recipient"], "DUNNO")
            replies = self.replies.get(request["recipient"], [GO_ON])
            reply = replies[0]
            if len(replies) > 1:
                self.replies[request["recipient"]] = replies[1:]
        if request != {"request": "rehome_recipient", "own": "no",
                       "recipient": request["recipient"]}:
            reply = {"action": "unexpected-request"}
        return "status=ok\n" + "".join(
            "%s=%s\n" % pair for pair in reply.items())

    def reply(self, connection, request):
        """False when the connection is to be closed."""
        text = self.answer(request)
        time.sleep(self.delay)
        if self.misbehaviour == "hang":
            connection.recv(1)  # until the other end gives up
            return False
        if self.misbehaviour == "close":
            return False
        if self.misbehaviour == "half":
            connection.sendall(text.encode()[:-3])
            return False
        if self.misbehaviour == "garbage":
            connection.sendall(b"\0\1\2 what is this?\n\n")
            return True
        if self.misbehaviour == "twice":
            connection.sendall((text + "\n" + text + "\n").encode())
            return True
        if self.misbehaviour == "error":
            text = "status=error\nreason=the store cannot be read\n"
        connection.sendall((text + "\n").encode())
        return True


class SocketmapStub(Stub):
    """The socketmap socket. maps: name -> {key: value}; temporary: when true
    every lookup fails for now."""

    def __init__(self, path):
        super().__init__(path)
        self.maps = {}
        self.temporary = False

    def read(self, stream):
        size = b""
        while not size.endswith(b":"):
            byte = stream.read(1)
            if not byte:
                return None
            size += byte
        request = stream.read(int(size[:-1]))
        return request.decode() if stream.read(1) == b"," else None

    def reply(self, connection, request):
        name, _, key = request.partition(" ")
        with self._lock:
            self.asked.append((name, key))
            value = self.maps.get(name, {}).get(key)
        if self.temporary:
            text = "TEMP the store cannot be read"
        elif value is None:
            text = "NOTFOUND "
        else:
            text = "OK " + value
        connection.sendall(b"%d:%s," % (len(text.encode()), text.encode()))
        return True
