# SPDX-License-Identifier: BSD-2-Clause
"""A stand-in for policyd's policy socket that answers what a test wants, or
fails as a test wants: policyd itself cannot be made to fail on demand."""

import os
import socket
import threading

GO_ON = {"action": "go-on", "moving": "no"}
MOVING = {"action": "go-on", "moving": "yes"}
DEFER = {"action": "defer", "moving": "yes"}
LATER = {"action": "later", "moving": "yes"}


class PolicydStub:
    """replies: address -> the replies to one question after the other, of
    which the last one stays. misbehaviour: None, or what happens to each
    question instead: "hang", "close", "half", "garbage", "twice", "error"."""

    def __init__(self, path):
        self.path = path
        self.replies = {}
        self.misbehaviour = None
        self.asked = []
        self.connections = 0
        self._lock = threading.Lock()
        self._listener = None
        self._open = set()

    def start(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
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
        stream = connection.makefile("rb")
        try:
            request = self._read(stream)
            while request is not None:
                if not self._reply(connection, request):
                    break
                request = self._read(stream)
        except OSError:
            pass
        with self._lock:
            self._open.discard(connection)
        connection.close()

    @staticmethod
    def _read(stream):
        request = {}
        for line in stream:
            line = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if not line:
                return request
            name, _, value = line.partition("=")
            request[name] = value
        return None

    def _reply(self, connection, request):
        """False when the connection is to be closed."""
        with self._lock:
            self.asked.append(request["recipient"])
            replies = self.replies.get(request["recipient"], [GO_ON])
            reply = replies[0]
            if len(replies) > 1:
                self.replies[request["recipient"]] = replies[1:]
        if request != {"request": "rehome_recipient", "own": "no",
                       "recipient": request["recipient"]}:
            reply = {"action": "unexpected-request"}
        text = "status=ok\n" + "".join(
            "%s=%s\n" % pair for pair in reply.items())
        if self.misbehaviour == "hang":
            threading.Event().wait(30)
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
