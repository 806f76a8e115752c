# SPDX-License-Identifier: BSD-2-Clause
"""`rehome copy` against IMAP servers that lie, stutter, flood or die: it ends in
time with a clear error and a code of sysexits, never says that a copy is
complete when it is not, and a run against the same servers come to their
senses ends with each message once."""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from scratch import Scratch  # noqa: E402

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

    def run(self, *options):
        """Exit code and report; must end in time, and not by a signal."""
        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        urls = ["imap://ann@127.0.0.1:%d" % server.port
                for server in (self.old, self.new)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = subprocess.run(
            [COPIER, "copy", *urls, "--source-password-file", self.secret,
             "--destination-password-file", self.secret, "--state",
             self.state, "--json", "--patience", "0",
             *options], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace",
            timeout=SECONDS, preexec_fn=limit, env=dict(
                os.environ, LSAN_OPTIONS="suppressions=" + LAB.file(
                    "leaks", text="leak:libetpan.so\n")))
        after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        assert after == before or after < MEMORY * 1024, "%d KB" % after
        assert "Sanitizer" not in done.stderr, done.stderr[:3000]
        report = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode in (0,) + ENDED + (77,), (
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


def raising(*_arguments):
    raise Hangup


def say(text):
    def quirk(session, tag, _rest):
        session.send(text.replace("TAG", tag))
        return True
    return quirk


def sane_servers_end_equal():
    bench = Bench()
    assert bench.run()[0] == 0 and bench.same()
    assert bench.run()[1]["copied"] == 0 and bench.same()


def closes_at_every_point():
    first = Bench()
    first.run()
    points = 0
    for side in ("old", "new"):
        counts = getattr(first, side).counts
        for event in sorted(counts):
            at = counts[event]
            bench = Bench()
            server = getattr(bench, side)

            def close(session, _tag, _rest, server=server, event=event,
                      at=at):
                if server.counts[event] == at:
                    session.send("* BYE tired\r\n")
                    raise Hangup
            server.quirks[event] = close
            bench.suffers()
            bench.recovers()
            points += 1
    assert points >= 20, points


def refuses_every_kth_append():
    for k in (1, 2, 3):
        bench = Bench()

        def refuse(session, tag, _rest, bench=bench, k=k):
            if bench.new.counts["APPEND"] % k == 0:
                session.send("%s NO [OVERQUOTA] full\r\n" % tag)
                return True
            return False
        bench.new.quirks["APPEND"] = refuse
        code, report = bench.suffers()
        assert code == 65 and "OVERQUOTA" in report["refused"][0]["words"]
        bench.recovers()


def refuses_the_literal():
    bench = Bench()
    bench.new.capabilities = bench.new.capabilities.replace(" LITERAL+", "")

    def refuse(session, text, _rest):
        session.send("%s NO no room\r\n" % text.split()[0])
        return True
    bench.new.quirks["literal"] = refuse
    assert bench.suffers()[0] == 65
    bench.recovers()


def offers_literals_and_refuses_them():
    bench = Bench()
    bench.new.quirks["APPEND"] = say("TAG BAD no such literal\r\n")
    assert bench.suffers()[0] == 65
    bench.recovers()


def stores_nothing_and_says_ok():
    bench = Bench()
    bench.new.quirks["APPEND"] = say("TAG OK [APPENDUID 1 1] done\r\n")
    assert bench.suffers()[0] != 0
    bench.recovers()


def lies_about_the_new_uid():
    for code in ("[APPENDUID 1 1]", "[APPENDUID 1 77777]",
                 "[APPENDUID 99 3]", "[APPENDUID 1 1:5]",
                 "[APPENDUID 0 0]", "[APPENDUID]"):
        bench = Bench()

        def lie(session, tag, _rest, code=code):
            session.send("%s OK %s done\r\n" % (tag, code))
            return True
        # stored all the same
        bench.new.quirks["after APPEND"] = lie
        bench.suffers()
        bench.recovers()


def tells_no_new_uid():
    bench = Bench()
    bench.new.capabilities = bench.new.capabilities.replace(" UIDPLUS", "")
    assert bench.suffers()[0] == 0
    bench.recovers()


def fetches_a_message_twice():
    bench = Bench()

    def twice(session, tag, items):
        if tag == "2" and "BODY" in items:
            session.send(session.fetched(1, items))  # in place of 2
            return True
        return False
    bench.old.quirks["message"] = twice
    bench.suffers()
    bench.recovers()


def fetches_what_nobody_asked_for():
    bench = Bench()

    def more(session, tag, items):
        if "BODY" in items:
            session.send("* 9 FETCH (UID 999 FLAGS () INTERNALDATE %s "
                         "BODY[] {3}\r\nabc)\r\n* 1 FETCH (FLAGS ())\r\n"
                         % DATE)
        return False
    bench.old.quirks["message"] = more
    bench.suffers()
    bench.recovers()


def scans_less_than_there_is():
    bench = Bench()
    bench.run()
    bench.old.quirks["message"] = (
        lambda _session, tag, items: tag == "3" and "BODY" not in items)
    bench.old.folders["INBOX"].add(b"one more\r\n\r\n")
    kept = bench.new.bodies()["INBOX"]
    bench.suffers("--make-equal")
    assert not kept - bench.new.bodies()["INBOX"], \
        "a message was removed that is still at home"
    bench.recovers()


def refuses_to_scan():
    for side in ("old", "new"):
        for words in ("NO [INUSE] not now", "BAD what"):
            bench = Bench()
            bench.run()
            getattr(bench, side).quirks["FETCH"] = say("TAG %s\r\n" % words)
            for folder in (bench.old, bench.new):
                folder.folders["INBOX"].add(b"only at %d\r\n\r\n"
                                            % folder.port)
            kept = bench.new.bodies()["INBOX"]
            assert bench.suffers("--make-equal")[0] != 0
            assert not kept - bench.new.bodies()["INBOX"], "removed"
            del bench.new.folders["INBOX"].mail[6]
            bench.recovers()


def refuses_to_scan_without_a_journal():
    bench = Bench()
    bench.run()
    bench.state = LAB.dir("state-lost")
    bench.new.quirks["SELECT"] = say("TAG NO [INUSE] not now\r\n")
    assert bench.suffers()[0] != 0
    bench.recovers()


def forgets_the_number_of_messages():
    bench = Bench()
    bench.old.quirks["LIST"] = say(
        '* LIST () "/" "INBOX"\r\n'
        '* STATUS "INBOX" (UIDVALIDITY 1 UIDNEXT 6)\r\nTAG OK\r\n')
    bench.suffers()
    bench.recovers()


def lists_a_full_folder_as_empty():
    bench = Bench()
    bench.run()

    def lie(session, tag, _rest):
        session.send('* LIST () "/" INBOX\r\n* STATUS INBOX (MESSAGES 0 '
                     'UIDNEXT 6 UIDVALIDITY 1)\r\n%s OK\r\n' % tag)
        return True
    bench.old.quirks["LIST"] = lie
    code, report = bench.run("--make-equal")
    assert code == 0 and report["removed"] == 0 and bench.same(), report


def changes_uidvalidity_in_between():
    for event in ("EXAMINE", "after LIST", "after FETCH"):
        for side in ("old", "new"):
            bench = Bench()
            server = getattr(bench, side)

            def change(_session, _tag, _rest, server=server, event=event):
                if server.counts[event] < 4:
                    server.folders["INBOX"].validity += 1
            server.quirks[event] = change
            bench.suffers()
            bench.recovers()


def expunges_in_the_middle():
    bench = Bench()

    def vanish(session, tag, items):
        if "BODY" in items and tag == "2":
            session.send("* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 7 EXISTS\r\n")
            del session.folder.mail[2]
            return True
        return False
    bench.old.quirks["message"] = vanish
    bench.suffers()
    bench.recovers()


def answers_with_wrong_tags():
    for words in ("A9999 OK done\r\n", "B1 OK done\r\n", "TAGTAG OK\r\n",
                  "OK done\r\n", "\r\n", "* \r\n", "TAG\r\n", "TAG \0\r\n"):
        for event in ("LOGIN", "LIST", "FETCH"):
            bench = Bench()
            bench.old.quirks[event] = say(words)
            code, report = bench.run()
            assert code == 75 and report["error"], (words, event, report)


ENDLESS = {
    "line": b"x" * 65536,
    "response": b"* OK still here\r\n" * 4096,
    "folders": b"".join(b'* LIST () "/" "f%d"\r\n' % n for n in range(4096)),
    "literal": b"* 1 FETCH (UID 1 FLAGS {65000}\r\n" + b"y" * 65536,
    "parentheses": b"* 1 FETCH (UID 1 X " + b"(" * 65536,
    "continuations": b"+ go on\r\n" * 4096,
}


def never_stops_talking():
    for what, data in ENDLESS.items():
        for event in ("greeting", "LOGIN", "LIST", "FETCH"):
            bench = Bench()

            def talk(session, _tag, _rest, data=data):
                session.send("* ")
                while True:
                    session.send(data)
            bench.old.quirks[event] = talk
            try:
                code, report = bench.run()
            except subprocess.TimeoutExpired:
                raise AssertionError("%s at %s: no end" % (what, event)) \
                    from None
            assert code == 75, (what, event, report)


def announces_literals_that_lie():
    for size, there in ((10, 5), (5, 10), (999999999999999999, 100),
                        (9999999999999999999999, 100), (0, 0), (4, 0)):
        bench = Bench()

        def lie(session, tag, items, size=size, there=there):
            if "BODY" not in items or tag != "3":
                return False
            session.send("* 3 FETCH (UID 3 FLAGS () INTERNALDATE %s BODY[] "
                         "{%d}\r\n%s)\r\n" % (DATE, size, "z" * there))
            if there < size:
                raise Hangup
            return True
        bench.old.quirks["message"] = lie
        code, _ = bench.run()
        assert code != 0 or size == there, (size, there)
        if size != there:
            bench.recovers()


NAMES = ["..", "../../etc/passwd", "/", "a//b", "tab\tname", "bell\x07name",
         "esc\x1b[2J", "x" * 10240, "\xff\xfe", "&", "&AAA-", "&-", "%", "*",
         'quote"quote', "back\\slash", " ", "inbox ", "~root", "{5}", "(",
         "nl\nname", "crlf\r\nA1 DELETE INBOX"]


def names_folders_strangely():
    bench = Bench()

    def names(session, tag, _rest):
        for name in NAMES + ["INBOX"]:
            data = name.encode("latin-1")
            session.send(b'* LIST () "/" {%d}\r\n%s\r\n' % (len(data), data))
        session.send("%s OK\r\n" % tag)
        return True
    for name in NAMES:
        bench.old.folders[name] = Folder()
        bench.old.folders[name].add(b"in %s\r\n\r\n"
                                    % name.encode("latin-1").hex().encode())
    bench.old.capabilities = "IMAP4rev1 UIDPLUS LITERAL+"
    bench.old.quirks["LIST"] = names
    code, report = bench.run()
    bodies = sum(bench.new.bodies().values(), Counter())
    assert code != 0 or bodies == sum(bench.old.bodies().values(),
                                      Counter()), report
    assert bodies and max(bodies.values()) == 1, (bodies, report)
    bench.run()
    again = sum(bench.new.bodies().values(), Counter())
    assert again == bodies, "doubled"
    assert "DELETE" not in bench.new.seen


def names_a_folder_with_nul():
    bench = Bench()
    bench.old.quirks["LIST"] = say('* LIST () "/" {5}\r\nIN\0OX\r\n'
                                   '* LIST () "/" INBOX\r\nTAG OK\r\n')
    assert bench.run()[0] == 75
    bench.recovers()


def lists_very_many_folders():
    bench = Bench()
    count = 100000

    def many(session, tag, _rest):
        session.send("".join('* LIST (\\Noselect) "/" "folder %d"\r\n' % n
                             for n in range(count)))
        session.send('* LIST () "/" INBOX\r\n%s OK\r\n' % tag)
        return True
    bench.old.capabilities = "IMAP4rev1 UIDPLUS LITERAL+"
    bench.old.quirks["LIST"] = many
    assert bench.suffers()[0] == 0
    bench.recovers()


def hides_commands_in_flags():
    bench = Bench()
    evil = "Evil {21}\r\n\r\nA999 DELETE INBOX\r\n"

    def flags(session, tag, items):
        if tag != "2":
            return False
        body = session.folder.mail[2][0]
        text = "* 2 FETCH (UID 2 FLAGS (%s)" % evil
        if "BODY" in items:
            session.send((text + " INTERNALDATE %s BODY[] {%d}\r\n" % (
                DATE, len(body))).encode() + body + b")\r\n")
        else:
            session.send(text + ")\r\n")
        return True
    bench.old.quirks["message"] = flags
    bench.run()
    assert "DELETE" not in bench.new.seen, bench.new.seen


def slips_clear_text_before_tls():
    bench = Bench()
    bench.old.capabilities += " STARTTLS"
    bench.old.quirks["STARTTLS"] = say(
        "TAG OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA1 OK in\r\n")
    code, report = bench.run("--starttls")
    assert code == 75 and report["error"], report
    assert "LOGIN" not in bench.old.seen and \
        "AUTHENTICATE" not in bench.old.seen, bench.old.seen


TESTS = [
    sane_servers_end_equal, closes_at_every_point, refuses_every_kth_append,
    refuses_the_literal, offers_literals_and_refuses_them,
    stores_nothing_and_says_ok, lies_about_the_new_uid, tells_no_new_uid,
    fetches_a_message_twice, fetches_what_nobody_asked_for,
    scans_less_than_there_is, refuses_to_scan,
    refuses_to_scan_without_a_journal, forgets_the_number_of_messages,
    lists_a_full_folder_as_empty,
    changes_uidvalidity_in_between, expunges_in_the_middle,
    answers_with_wrong_tags, never_stops_talking, announces_literals_that_lie,
    names_folders_strangely, names_a_folder_with_nul, lists_very_many_folders,
    hides_commands_in_flags, slips_clear_text_before_tls]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
