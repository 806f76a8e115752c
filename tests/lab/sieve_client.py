# SPDX-License-Identifier: BSD-2-Clause
"""A ManageSieve client (RFC 5804), as small as the tests need one, and the
client's side of SASL."""

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl


class Refused(Exception):
    """NO or BYE; the text is the server's line."""


def unverified():
    """Certificates of the laboratory are their own authorities."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Sieve:
    def __init__(self, port, form="none", timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        if form == "implicit":
            self.socket = unverified().wrap_socket(self.socket)
        self.file = self.socket.makefile("rwb")
        self.capabilities = self.answer()
        if form == "start":
            self.say(b"STARTTLS")
            self.answer()
            self.socket = unverified().wrap_socket(self.socket)
            self.file = self.socket.makefile("rwb")
            self.capabilities = self.answer()

    def say(self, line):
        self.file.write(line + b"\r\n")
        self.file.flush()

    def line(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the server has closed")
        return line.rstrip(b"\r\n")

    def answer(self):
        """The lines before OK; literals are joined to their line."""
        lines = []
        while True:
            line = self.line()
            literal = re.search(rb"\{(\d+)\}$", line)
            if literal:
                line += b"\n" + self.file.read(int(literal.group(1)))
                line += self.line()
            if line.startswith(b"OK"):
                return lines
            if line.startswith((b"NO", b"BYE")):
                raise Refused(line.decode())
            lines.append(line)

    def authenticate(self, mechanism, initial=None, answer=None):
        """answer: from a challenge (bytes) to the next answer (bytes)."""
        command = b'AUTHENTICATE "%s"' % mechanism.encode()
        if initial is not None:
            command += b' "%s"' % base64.b64encode(initial)
        self.say(command)
        while True:
            line = self.line()
            if line.startswith(b"OK"):
                return line
            if line.startswith((b"NO", b"BYE")):
                raise Refused(line.decode())
            if line.startswith(b"{"):
                line = b'"%s"' % self.line()
            challenge = base64.b64decode(line.strip(b'"'))
            self.say(b'"%s"' % base64.b64encode(answer(challenge)))

    def call(self, command):
        self.say(command)
        return self.answer()

    def put(self, name, script):
        self.file.write(b'PUTSCRIPT "%s" {%d+}\r\n%s\r\n'
                        % (name.encode(), len(script), script))
        self.file.flush()
        return self.answer()

    def close(self):
        self.file.close()
        self.socket.close()


def plain(user, password, authority=""):
    return ("%s\0%s\0%s" % (authority, user, password)).encode()


def xoauth2(user, token):
    return ("user=%s\1auth=Bearer %s\1\1" % (user, token)).encode()


def oauthbearer(user, token):
    return ("n,a=%s,\1host=localhost\1auth=Bearer %s\1\1"
            % (user, token)).encode()


class Scram:
    """RFC 5802, without channel binding: initial, then an answer to each
    challenge; verified when the server has proved to know the password."""

    def __init__(self, user, password, digest="sha256"):
        self.password = password.encode()
        self.digest = digest
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = "n=%s,r=%s" % (user, self.nonce)
        self.initial = ("n,," + self.bare).encode()
        self.signature = None
        self.verified = False

    def _hmac(self, key, text):
        return hmac.new(key, text, self.digest).digest()

    def answer(self, challenge):
        fields = dict(part.split("=", 1)
                      for part in challenge.decode().split(","))
        if "v" in fields:
            self.verified = base64.b64decode(fields["v"]) == self.signature
            return b""
        salted = hashlib.pbkdf2_hmac(
            self.digest, self.password, base64.b64decode(fields["s"]),
            int(fields["i"]))
        final = "c=biws,r=" + fields["r"]
        message = ",".join((self.bare, challenge.decode(), final)).encode()
        key = self._hmac(salted, b"Client Key")
        stored = hashlib.new(self.digest, key).digest()
        proof = bytes(a ^ b for a, b in zip(
            key, self._hmac(stored, message)))
        self.signature = self._hmac(self._hmac(salted, b"Server Key"), message)
        return (final + ",p=" + base64.b64encode(proof).decode()).encode()
