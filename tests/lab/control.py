# SPDX-License-Identifier: BSD-2-Clause
"""The control protocol, rehome-control(7), and a worker that moves an account
by words alone: nothing is copied."""

import socket


def escape(value):
    return str(value).replace("\\", "\\\\").replace("\n", "\\n")


def unescape(value):
    parts = value.split("\\\\")
    return "\\".join(part.replace("\\n", "\n") for part in parts)


class Messages:
    """Messages over a UNIX socket, both ways."""

    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.bytes = b""

    def close(self):
        self.socket.close()

    def send(self, **attributes):
        self.socket.sendall("".join(
            "%s=%s\n" % (name, escape(value))
            for name, value in attributes.items()).encode() + b"\n")

    def receive(self, timeout=10):
        """The next message as a dictionary; None at the end of file."""
        self.socket.settimeout(timeout)
        while b"\n\n" not in self.bytes:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.bytes += piece
        text, self.bytes = self.bytes.split(b"\n\n", 1)
        return {name: unescape(value) for name, value in (
            line.split("=", 1) for line in text.decode().split("\n"))}


class Refused(Exception):
    """A reply that is not ok."""


class Control(Messages):
    def ask(self, verb, **attributes):
        """The reply, whatever its status."""
        self.send(request=verb, **attributes)
        return self.receive()

    def call(self, verb, **attributes):
        reply = self.ask(verb, **attributes)
        if reply["status"] != "ok":
            raise Refused("%s: %s: %s" % (
                verb, reply["status"], reply.get("reason")))
        return reply

    def list(self, verb, **attributes):
        reply = self.call(verb, **attributes)
        return [self.receive() for _ in range(int(reply["records"]))]


class Worker:
    """Who has leased an account."""

    def __init__(self, control, address):
        self.control = control
        self.address = address
        self.epoch = control.call(
            "lease", worker="double", address=address)["epoch"]

    def call(self, verb, **attributes):
        return self.control.call(
            verb, address=self.address, epoch=self.epoch, **attributes)

    def enter(self, phase, **attributes):
        return self.call("enter", phase=phase, **attributes)

    def to_ready(self):
        self.enter("copying")
        self.enter("ready")

    def waiting(self):
        """What the barrier waits for, None when it has passed."""
        reply = self.call("barrier")
        return None if reply["passed"] == "yes" else reply["waiting"]

    def prove(self):
        return self.call(
            "prove", messages=0, bytes=0, foreign=0,
            frozen_at=self.call("barrier")["frozen_at"])

    def flip(self):
        self.prove()
        return self.call("flip")

    def settle(self):
        self.enter("settled")
        self.release()

    def release(self, **attributes):
        return self.call("release", **attributes)
