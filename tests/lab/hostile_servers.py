# SPDX-License-Identifier: BSD-2-Clause
"""IMAP servers that lie, stutter, flood or die at a word of the test, and a
bench that copies from one to the other."""

import collections
import json
import os
import re
import resource
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter

import tap
from scratch import Scratch

COPIER = os.path.join(tap.build_directory(), "copier", "rehome-copier")
LAB = Scratch("rehome-hostile-imap")
DATE = '"05-May-2015 10:00:00 +0200"'
ENDED = (65, 75)  # EX_DATAERR, EX_TEMPFAIL
SECONDS = 20      # in which a run must end
MEMORY = 400      # MB that a run may take


class Folder:
    def __init__(self, validity=1):
        self.validity, self.next, self.mail = validity, 1, {}

    def add(self, body, flags="\\Seen"):
        uid, self.next = self.next, self.next + 1
        self.mail[uid] = [body, flags]
        return uid

    def expand(self, text):
        """UIDs of a sequence-set that are there."""
        top, found = max(self.mail, default=0), []
        for part in text.split(","):
            first, _, last = part.partition(":")
            ends = [top if end == "*" else int(end)
                    for end in (first, last or first)]
            found += [uid for uid in self.mail
                      if min(ends) <= uid <= max(ends)]
        return sorted(set(found))


class Hangup(Exception):
    """The server closes the connection."""


class Session:
    """One connection: IMAP4rev1 with UIDPLUS, LITERAL+ and LIST-STATUS."""

    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.lines = connection.makefile("rb")
        self.folder = None

    def send(self, data):
        self.connection.sendall(data if isinstance(data, bytes)
                                else data.encode("latin-1"))

    def read(self):
        """One command with its literals as strings in place."""
        text, bodies = b"", []
        while True:
            line = self.lines.readline()
            if not line:
                raise Hangup
            found = re.search(rb"\{(\d+)(\+?)\}\r\n$", line)
            if not found:
                return (text + line).rstrip(b"\r\n").decode("latin-1"), bodies
            text += line[:found.start()] + b"\0"
            if not found.group(2):
                if self.server.quirk("literal", self, text.decode(), ""):
                    return None, None
                self.send("+ go on\r\n")
            bodies.append(self.lines.read(int(found.group(1))))

    def serve(self):
        self.server.quirk("greeting", self, "", "")
        self.send("* OK ready\r\n")
        while True:
            text, bodies = self.read()
            if text is None:
                continue
            tag, _, rest = text.partition(" ")
            verb, _, rest = rest.partition(" ")
            if verb.upper() == "UID":
                verb, _, rest = rest.partition(" ")
            verb = verb.upper()
            self.server.seen.append(verb)
            self.bodies = bodies
            if self.server.quirk(verb, self, tag, rest):
                continue
            code = getattr(self, "do_" + verb)(rest, bodies) or ""
            self.server.quirk("after " + verb, self, tag, rest)
            self.send("%s OK %s done\r\n" % (tag, code))

    def do_CAPABILITY(self, _rest, _bodies):
        self.send("* CAPABILITY %s\r\n" % self.server.capabilities)

    def do_LOGIN(self, _rest, _bodies):
        return "[CAPABILITY %s]" % self.server.capabilities

    def do_NAMESPACE(self, _rest, _bodies):
        self.send('* NAMESPACE (("" "/")) NIL NIL\r\n')

    def do_NOOP(self, _rest, _bodies):
        pass

    do_SUBSCRIBE = do_UNSUBSCRIBE = do_UNSELECT = do_NOOP

    def do_LOGOUT(self, _rest, _bodies):
        raise Hangup

    @staticmethod
    def quoted(name):
        if re.search(r"[^ -~]", name):
            return "{%d}\r\n%s" % (len(name), name)
        return '"%s"' % name.replace("\\", "\\\\").replace('"', '\\"')

    def status(self, name):
        folder = self.server.folders[name]
        self.send("* STATUS %s (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n" % (
            self.quoted(name), len(folder.mail), folder.next,
            folder.validity))

    def do_LIST(self, rest, _bodies):
        for name in self.server.folders:
            self.send('* LIST () "/" %s\r\n' % self.quoted(name))
            if "STATUS" in rest:
                self.status(name)

    def do_LSUB(self, _rest, _bodies):
        pass

    @staticmethod
    def name(rest, bodies):
        if rest.startswith("\0"):
            return bodies.pop(0).decode("latin-1")
        return re.sub(r"\\(.)", r"\1", re.match(
            r'"((?:\\.|[^"\\])*)"', rest).group(1))

    def do_STATUS(self, rest, bodies):
        self.status(self.name(rest, bodies))

    def do_CREATE(self, rest, bodies):
        self.server.folders.setdefault(self.name(rest, bodies), Folder())

    def do_SELECT(self, rest, bodies):
        self.folder = self.server.folders[self.name(rest, bodies)]
        self.send("* %d EXISTS\r\n* OK [UIDVALIDITY %d] v\r\n"
                  "* OK [UIDNEXT %d] n\r\n"
                  "* OK [PERMANENTFLAGS (\\Seen \\Deleted \\Flagged \\*)] f\r\n"
                  % (len(self.folder.mail), self.folder.validity,
                     self.folder.next))

    do_EXAMINE = do_SELECT

    def fetched(self, uid, items):
        body, flags = self.folder.mail[uid]
        number = sorted(self.folder.mail).index(uid) + 1
        text = "* %d FETCH (UID %d FLAGS (%s)" % (number, uid, flags)
        if "INTERNALDATE" in items:
            text += " INTERNALDATE %s" % DATE
        if "SIZE" in items:
            text += " RFC822.SIZE %d" % len(body)
        if "BODY" in items:
            return (text + " BODY[] {%d}\r\n" % len(body)).encode() + \
                body + b")\r\n"
        return (text + ")\r\n").encode()

    def do_FETCH(self, rest, _bodies):
        which, _, items = rest.partition(" ")
        for uid in self.folder.expand(which):
            if not self.server.quirk("message", self, str(uid), items):
                self.send(self.fetched(uid, items))

    def do_STORE(self, rest, _bodies):
        which, how, flags = re.match(r"(\S+) (\S+) \((.*)\)", rest).groups()
        for uid in self.folder.expand(which):
            message = self.folder.mail[uid]
            message[1] = (message[1] + " " + flags if how.startswith("+")
                          else flags)

    def do_EXPUNGE(self, rest, _bodies):
        for uid in self.folder.expand(rest):
            if "\\Deleted" in self.folder.mail[uid][1]:
                del self.folder.mail[uid]

    def do_APPEND(self, rest, bodies):
        folder = self.server.folders[self.name(rest, bodies)]
        uid = folder.add(bodies[0], re.search(r" \(([^)]*)\) ", rest).group(1))
        if "UIDPLUS" in self.server.capabilities:
            return "[APPENDUID %d %d]" % (folder.validity, uid)
        return ""


class Server:
    """Quirks: {event: function(session, tag, rest)}; one that returns
    something true has taken the place of what the server would have done."""

    CAPABILITIES = "IMAP4rev1 UIDPLUS LITERAL+ LIST-STATUS NAMESPACE UNSELECT"

    def __init__(self):
        self.capabilities = self.CAPABILITIES
        self.folders = {"INBOX": Folder()}
        self.quirks, self.counts, self.seen = {}, Counter(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        LAB.undo.append(self.listener.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,),
                             daemon=True).start()

    def one(self, connection):
        try:
            Session(self, connection).serve()
        except (Hangup, OSError):
            pass
        finally:
            # the file object holds the socket, too
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def quirk(self, event, session, tag, rest):
        self.counts[event] += 1
        function = self.quirks.get(event)
        return function is not None and function(session, tag, rest)

    def bodies(self):
        return {name: Counter(body for body, _ in folder.mail.values())
                for name, folder in self.folders.items() if folder.mail}


Done = collections.namedtuple("Done", "returncode stdout stderr")


def text_of(file):
    with file:
        file.seek(0)
        return file.read().decode(errors="replace")


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Bench:
    """A source with some mail, an empty destination, and a journal."""

    number = 0

    def __init__(self, messages=5):
        Bench.number += 1
        self.state = LAB.dir("state%d" % Bench.number)
        self.secret = LAB.file("password", text="pw\n", mode=0o600)
        self.old, self.new = Server(), Server()
        for index in range(messages):
            self.old.folders["INBOX"].add(
                b"Subject: %d\r\n\r\n%s\r\n" % (index, b"x" * (100 * index)))

    @staticmethod
    def ended(child, seconds):
        """(status, usage) of a child that ends in time."""
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid != 0:
                child.returncode = status
                return status, usage
            time.sleep(0.005)
        child.kill()
        child.wait()
        raise subprocess.TimeoutExpired(child.args, seconds)

    def run(self, *options, limit=no_core, seconds=SECONDS, codes=(),
            **environment):
        """Exit code and report; must end in time, and not by a signal. What
        it took is in megabytes; limit is called in the child."""
        urls = ["imap://ann@127.0.0.1:%d" % server.port
                for server in (self.old, self.new)]
        said = [tempfile.TemporaryFile() for _ in range(2)]
        child = subprocess.Popen(
            [COPIER, "copy", *urls, "--source-password-file", self.secret,
             "--destination-password-file", self.secret, "--state",
             self.state, "--json", "--patience", "0",
             *options], stdout=said[0], stderr=said[1], preexec_fn=limit,
            env=dict(os.environ, LSAN_OPTIONS="suppressions=" + LAB.file(
                "leaks", text="leak:libetpan.so\n"), **environment))
        status, usage = self.ended(child, seconds)
        self.megabytes = usage.ru_maxrss // 1024
        assert self.megabytes < MEMORY, "%d MB" % self.megabytes
        done = Done(os.waitstatus_to_exitcode(status), *map(text_of, said))
        assert "Sanitizer" not in done.stderr, done.stderr[:3000]
        report = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode in (0, *ENDED, 77, *codes), (
            done.returncode, done.stderr)
        assert report["complete"] == (done.returncode == 0), report
        assert report["complete"] or report.get("error") or \
            report["refused"] or done.returncode == 65, report
        return done.returncode, report

    def same(self):
        return self.old.bodies() == self.new.bodies()

    def suffers(self, *options):
        """A run in adverse conditions: complete only if it is so."""
        code, report = self.run(*options)
        assert code != 0 or not (
            self.old.bodies()["INBOX"] - self.new.bodies().get(
                "INBOX", Counter())), ("not complete", report)
        return code, report

    def recovers(self):
        """Both servers are sane again."""
        for server in (self.old, self.new):
            server.quirks = {}
        code, report = self.run()
        assert code == 0 and self.same(), (
            report, self.old.bodies(), self.new.bodies())


def say(text):
    def quirk(session, tag, _rest):
        session.send(text.replace("TAG", tag))
        return True
    return quirk
