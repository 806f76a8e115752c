# SPDX-License-Identifier: BSD-2-Clause
"""A gate before a delivery server: lets pass, holds back, or refuses."""

import socket
import threading


class Gate(threading.Thread):
    """Relays connections to a port. While it is held, what clients send waits
    (a slow server); while it refuses, they get 421 (a server that is down)."""

    def __init__(self, port, target):
        super().__init__(daemon=True)
        self.port = port
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", port))
        self.passing = threading.Event()
        self.passing.set()
        self.refusing = False
        self.held = 0

    def hold(self):
        self.passing.clear()

    def release(self):
        self.passing.set()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.sendall(b"421 4.3.2 not now\r\n")
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, gated in ((client, server, True),
                                        (server, client, False)):
                threading.Thread(target=self._relay, daemon=True,
                                 args=(source, sink, gated)).start()

    def _relay(self, source, sink, gated):
        try:
            while data := source.recv(65536):
                if gated and not self.passing.is_set():
                    self.held += 1
                    self.passing.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.release()
        self.listener.close()
