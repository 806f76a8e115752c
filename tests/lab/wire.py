# SPDX-License-Identifier: BSD-2-Clause
"""A small IMAP client of the laboratory's own: bytes in, bytes out, nothing
interpreted, so that it can say what a server really holds. Folder names are
the octets that servers write."""

import re
import socket

SPECIAL = re.compile(rb'[\s()"{\\]')


class Refused(Exception):
    """The server answered NO or BAD; the text has its words."""


class Literal(bytes):
    """Octets that are sent as a literal."""


def quoted(name):
    """A string as an argument; a literal where quoting would not do."""
    if re.search(rb"[\r\n\x00\x80-\xff]", name):
        return Literal(name)
    return b'"%s"' % name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def parse(data, literals):
    """The items of a response: bytes, lists, None for NIL."""
    stack, at = [[]], 0
    while at < len(data):
        if data[at:at + 1] in (b" ", b"\r", b"\n"):
            at += 1
        elif data[at:at + 1] == b"(":
            stack.append([])
            at += 1
        elif data[at:at + 1] == b")":
            inner = stack.pop()
            stack[-1].append(inner)
            at += 1
        elif data[at:at + 1] == b'"':
            found = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S).match(data, at)
            stack[-1].append(re.sub(rb"(?s)\\(.)", rb"\1", found.group(1)))
            at = found.end()
        elif re.compile(rb"~?\{\d+\}\r\n").match(data, at):
            stack[-1].append(literals.pop(0))
            at = data.index(b"\n", at) + 1
        else:
            found = re.compile(rb"(?:\[[^]]*\]|[^\s()\[])+|\[").match(data, at)
            word = found.group(0)
            stack[-1].append(None if word.upper() == b"NIL" else word)
            at = found.end()
    return stack[0]


class Wire:
    """One session. `capabilities` is a set of upper-case words."""

    def __init__(self, port, user=None, password=None, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", 1 << 18)
        self.count = 0
        self.capabilities = set()
        greeting, _ = self._response()
        if not greeting.startswith(b"* OK"):
            raise Refused(greeting.decode("latin-1"))
        if user is not None:
            self.command(b"LOGIN", quoted(user.encode()),
                         quoted(password.encode()))
            self.capabilities = {
                word.upper() for line in self.command(b"CAPABILITY")
                for word in line[1:]}

    def _response(self):
        """One response: its line with the literals' octets taken out."""
        line, literals = b"", []
        while True:
            part = self.file.readline()
            if not part.endswith(b"\n"):
                raise EOFError("the server has closed: %r" % (line + part))
            line += part
            size = re.search(rb"\{(\d+)\}\r\n$", part)
            if size is None:
                return line, literals
            literals.append(self.file.read(int(size.group(1))))

    def send(self, *parts):
        """Sends one command and returns its tag; `parts` are separated by
        spaces."""
        self.count += 1
        tag = b"L%d" % self.count
        line = tag
        for part in parts:
            if isinstance(part, Literal):
                plus = b"LITERAL+" in self.capabilities
                line += b" {%d%s}\r\n" % (len(part), b"+" if plus else b"")
                self.socket.sendall(line)
                if not plus:
                    answer, _ = self._response()
                    if not answer.startswith(b"+"):
                        raise Refused(answer.decode("latin-1"))
                line = bytes(part)
            else:
                line += b" " + part
        self.socket.sendall(line + b"\r\n")
        return tag

    def wait(self, tag):
        """The parsed untagged responses up to the tagged one, which must be
        OK; the words of that one are in `said`."""
        found = []
        while True:
            line, literals = self._response()
            if line.startswith(tag + b" "):
                self.said = line[len(tag) + 1:].rstrip(b"\r\n")
                if not self.said.upper().startswith(b"OK"):
                    raise Refused(self.said.decode("latin-1"))
                return found
            if re.match(rb"\* (OK|NO|BAD|BYE|PREAUTH)\b", line):
                found.append([line[2:].split()[0], line[2:].strip()])
            elif not line.startswith(b"+"):
                found.append(parse(line[2:], literals))

    def command(self, *parts):
        return self.wait(self.send(*parts))

    def folders(self, lsub=False):
        """[(attributes in lower case, separator or None, name)]"""
        found = []
        for line in self.command(b"LSUB" if lsub else b"LIST", b'""', b'"*"'):
            if line[0].upper() in (b"LIST", b"LSUB"):
                found.append(({word.lower() for word in line[1]}, line[2],
                              line[3] if line[3] is not None else b"NIL"))
        return found

    def prefix(self):
        """The prefix of the personal namespace."""
        if b"NAMESPACE" not in self.capabilities:
            return b""
        for line in self.command(b"NAMESPACE"):
            if line[0].upper() == b"NAMESPACE" and line[1]:
                return line[1][0][0]
        return b""

    def select(self, name, write=True):
        """{b"EXISTS": n, b"UIDVALIDITY": n, ...}"""
        found = {}
        for line in self.command(b"SELECT" if write else b"EXAMINE",
                                 quoted(name)):
            if len(line) > 1 and line[1:2] == [b"EXISTS"]:
                found[b"EXISTS"] = int(line[0])
            code = re.search(rb"\[(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) (\d+)",
                             line[-1] if isinstance(line[-1], bytes) else b"")
            if code:
                found[code.group(1)] = int(code.group(2))
        return found

    def fetch(self, items, uids=b"1:*"):
        """[{item: value}] of the messages, in ascending order of UID."""
        found = {}
        for line in self.command(b"UID FETCH", uids, items):
            if len(line) < 3 or line[1].upper() != b"FETCH":
                continue
            values = {line[2][at].upper(): line[2][at + 1]
                      for at in range(0, len(line[2]) - 1, 2)}
            if b"UID" in values:
                found.setdefault(int(values[b"UID"]), {}).update(values)
        return [found[uid] for uid in sorted(found)]

    def append(self, name, body, flags=(), date=None):
        parts = [b"APPEND", quoted(name)]
        if flags:
            parts.append(b"(%s)" % b" ".join(flags))
        if date is not None:
            parts.append(b'"%s"' % date)
        self.command(*parts, Literal(body))

    def close(self):
        try:
            self.command(b"LOGOUT")
        except (OSError, EOFError, Refused):
            pass
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.file.close()
        if failure[0] is None:
            try:
                self.socket.sendall(b"L0 LOGOUT\r\n")
            except OSError:
                pass
        self.socket.close()
