# SPDX-License-Identifier: BSD-2-Clause
"""MULTIAPPEND and what becomes of a batch: one culprit does not take the others
with it, the order is kept, limits are honoured, whatever the server can do;
and a copier that dies at any step of a batch loses nothing and stores nothing
twice."""

import glob
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import hostile_servers  # noqa: E402
import tap  # noqa: E402
from hostile_servers import LAB, Bench, Folder, Hangup, Session  # noqa: E402
from proxies import DOWN, Cut  # noqa: E402
from scratch import run  # noqa: E402

KILL_AT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                       "crash", "kill_at.c")
CAPABILITIES = "IMAP4rev1 UIDPLUS LITERAL+ LIST-STATUS NAMESPACE UNSELECT " \
    "MULTIAPPEND"


class BatchSession(Session):
    """MULTIAPPEND: all messages of a command, or none of them."""

    ITEM = re.compile(r'\(([^)]*)\) "[^"]*" \0')

    def do_APPEND(self, rest, bodies):
        server = self.server
        name = self.name(rest, bodies)
        flags = self.ITEM.findall(rest)
        assert len(flags) == len(bodies), (rest, len(bodies))
        server.batches.append(len(bodies))
        if server.judge is not None:
            words = server.judge(name, bodies)
            if words:
                return words
        folder = server.folders[name]
        uids = [folder.add(server.alter(body), flag)
                for body, flag in zip(bodies, flags)]
        if "UIDPLUS" not in server.capabilities:
            return ""
        ends = str(uids[0]) if len(uids) == 1 else "%d:%d" % (uids[0],
                                                              uids[-1])
        return "[APPENDUID %d %s]" % (folder.validity, ends)

    do_CLOSE = Session.do_UNSELECT  # nothing is opened for writing

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
            if self.server.quirk(verb, self, tag, rest):
                continue
            code = getattr(self, "do_" + verb)(rest, bodies) or ""
            answer = "OK"
            if code.startswith("NO "):
                answer, code = "NO", code[3:]
            self.send("%s %s %s done\r\n" % (tag, answer, code))


class BatchServer(hostile_servers.Server):
    CAPABILITIES = CAPABILITIES

    def __init__(self):
        self.batches = []
        self.judge = None
        self.alter = lambda body: body
        super().__init__()

    def one(self, connection):
        try:
            BatchSession(self, connection).serve()
        except (Hangup, OSError):
            pass
        finally:
            try:  # the file object holds the socket, too
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def order(self, name="INBOX"):
        return [body for body, _ in self.folders[name].mail.values()]


def body(number, size=60):
    return b"Subject: %06d\r\n\r\n%s\r\n" % (number, b"x" * size)


class Batches(Bench):
    def __init__(self, messages=200, size=60, **capabilities):
        super().__init__(0)
        self.old, self.new = BatchServer(), BatchServer()
        # several at once: none may write what another one's copier reads
        self.secret = LAB.file("password%d" % self.new.port, text="pw\n",
                               mode=0o600)
        for number in range(messages):
            self.old.folders["INBOX"].add(body(number, size))
        for word in capabilities.get("without", ()):
            self.new.capabilities = self.new.capabilities.replace(
                " " + word, "")
        self.new.capabilities += "".join(
            " " + word for word in capabilities.get("plus", ()))

    def settled(self, *culprits):
        """All but the culprits are there once, in the order of home."""
        wanted = [text for text in self.old.order() if text not in culprits]
        assert self.new.order() == wanted, (
            Counter(wanted) - Counter(self.new.order()),
            Counter(self.new.order()) - Counter(wanted),
            [a[9:15] for a, b in zip(self.new.order(), wanted) if a != b][:5])


def stores_batches_in_order():
    bench = Batches(1000)
    code, report = bench.run()
    assert code == 0 and report["copied"] == 1000, report
    bench.settled()
    assert max(bench.new.batches) > 100, bench.new.batches
    assert len(bench.new.batches) <= 1000 / 100, bench.new.batches
    bench.old.folders["INBOX"].mail[100][1] = "\\Flagged"
    report = bench.run()[1]
    assert report["copied"] == 0 and report["flags"] == 1, report
    flagged = [text for text, flags in
               bench.new.folders["INBOX"].mail.values() if "Flagged" in flags]
    assert flagged == [body(99)], flagged


def refuses_one_of_a_batch():
    bench = Batches(200)
    culprit = body(77)
    bench.new.judge = lambda name, bodies: culprit in bodies and \
        "NO [CANNOT] I do not like it"
    code, report = bench.run()
    assert code == 65, (code, report)
    assert [item["uid"] for item in report["refused"]] == [78], report
    assert "I do not like it" in report["refused"][0]["words"], report
    bench.settled(culprit)
    bench.new.judge = None
    code, report = bench.run()
    assert code == 0 and report["copied"] == 1, report


def refuses_some_of_many():
    bench = Batches(1500)
    culprits = [body(number) for number in (3, 4, 700, 1499)]
    bench.new.judge = lambda name, bodies: any(
        culprit in bodies for culprit in culprits) and "NO [TOOBIG] no"
    code, report = bench.run()
    assert code == 65 and len(report["refused"]) == 4, report
    # what was under way behind the first refusal may be stored before it
    assert Counter(bench.new.order()) == Counter(
        bench.old.order()) - Counter(culprits)
    # once: from then on each is waited for
    numbers = [int(text[9:15]) for text in bench.new.order()]
    back = [pair for pair in zip(numbers, numbers[1:]) if pair[0] > pair[1]]
    assert len(back) == 1, back


def takes_only_small_batches():
    bench = Batches(300)
    bench.new.judge = lambda name, bodies: len(bodies) > 30 and \
        "NO [LIMIT] too many at once"
    code, report = bench.run()
    assert code == 0 and report["copied"] == 300, report
    bench.settled()
    assert bench.new.batches[-1] > 10, bench.new.batches
    assert len(bench.new.batches) < 50, bench.new.batches


def has_no_room_left():
    bench = Batches(60)
    bench.new.judge = lambda name, bodies: len(bodies) + len(
        bench.new.folders[name].mail) > 50 and "NO [OVERQUOTA] full"
    code, report = bench.run()
    assert code == 65 and len(report["refused"]) == 10, report
    assert bench.new.order() == bench.old.order()[:50]


def loses_its_folder():
    bench = Batches(60)
    bench.new.judge = lambda name, bodies: "NO [TRYCREATE] no such folder"
    code, report = bench.run()
    assert code == 65 and len(report["refused"]) == 1, report
    assert report["refused"][0]["uid"] == 0, report
    assert len(bench.new.batches) <= 2, bench.new.batches


def honours_appendlimit():
    bench = Batches(20, plus=("APPENDLIMIT=5000",))
    bench.old.folders["INBOX"].add(body(99, 6000))
    bench.new.judge = lambda name, bodies: \
        max(map(len, bodies)) > 5000 and "NO [TOOBIG] it was announced"
    code, report = bench.run()
    assert code == 65 and len(report["refused"]) == 1, report
    assert "5000" in report["refused"][0]["words"], report
    assert "announced" not in report["refused"][0]["words"], report
    bench.settled(body(99, 6000))


def does_without(*words, plus=()):
    def check():
        bench = Batches(120, without=words, plus=plus)
        for number in (500, 501):
            bench.old.folders["INBOX"].add(body(number, 9000))
        code, report = bench.run()
        assert code == 0 and report["copied"] == 122, (words, report)
        bench.settled()
        if "MULTIAPPEND" in words:
            assert max(bench.new.batches) == 1, bench.new.batches
        else:
            assert max(bench.new.batches) > 50, bench.new.batches
        assert bench.run()[1]["copied"] == 0
        bench.settled()
    return check


def with_fewer_capabilities():
    for words in (("MULTIAPPEND",), ("LITERAL+",), ("UIDPLUS",),
                  ("MULTIAPPEND", "LITERAL+"), ("MULTIAPPEND", "UIDPLUS"),
                  ("LIST-STATUS", "UNSELECT", "NAMESPACE"),
                  ("MULTIAPPEND", "LITERAL+", "UIDPLUS", "LIST-STATUS",
                   "NAMESPACE", "UNSELECT")):
        does_without(*words)()


def with_small_literals_unasked():
    """LITERAL-: what is larger than 4096 octets waits for the server's word."""
    bench = Batches(60, without=("LITERAL+",), plus=("LITERAL-",))
    bench.old.folders["INBOX"].add(body(500, 9000))
    bench.old.folders["INBOX"].add(body(501, 4096 - len(body(0, 0))))
    seen = []

    def watch(_session, text, _rest):
        seen.append(text)
        return False
    bench.new.quirks["literal"] = watch
    code, report = bench.run()
    assert code == 0 and report["copied"] == 62, report
    bench.settled()
    assert len(seen) == 1, seen


def refuses_a_literal_within_a_batch():
    for words in (("LITERAL+",), ("LITERAL+", "MULTIAPPEND")):
        bench = Batches(40, without=words)
        large = body(20, 8000)
        bench.old.folders["INBOX"].add(large)
        for number in range(900, 905):
            bench.old.folders["INBOX"].add(body(number))

        def refuse(session, text, _rest):
            if session.announced > 8000:
                session.send("%s NO [TOOBIG] too large\r\n" % text.split()[0])
                return True
            return False
        bench.new.quirks["literal"] = refuse
        code, report = bench.run()
        assert code == 65 and len(report["refused"]) == 1, report
        assert "too large" in report["refused"][0]["words"], report
        bench.settled(large)


def announced(session_class):
    """Notes the size of the literal that is asked for."""
    original = session_class.read

    def read(self):
        lines, inner = self.lines, self

        class Lines:
            @staticmethod
            def readline():
                line = lines.readline()
                found = re.search(rb"\{(\d+)\+?\}\r\n$", line)
                inner.announced = int(found.group(1)) if found else 0
                return line

            @staticmethod
            def read(size):
                return lines.read(size)
        self.lines = Lines
        try:
            return original(self)
        finally:
            self.lines = lines
    session_class.read = read


announced(BatchSession)


def alters_and_tells_no_uid():
    bench = Batches(30, without=("UIDPLUS",))
    bench.new.alter = lambda text: b"X-Seen: yes\r\n" + text
    code, report = bench.run()
    assert code == 65 and len(report["refused"]) == 30, report
    assert "not stored again" in report["refused"][0]["words"], report
    for _ in range(2):
        assert bench.run()[0] == 65
        assert len(bench.new.order()) == 30, len(bench.new.order())
    bench.old.folders["INBOX"].add(body(31))
    bench.run()
    assert len(bench.new.order()) == 31
    # what is gone at home is nobody's trouble any more
    for uid in list(bench.old.folders["INBOX"].mail):
        del bench.old.folders["INBOX"].mail[uid]
    code, report = bench.run()
    assert code == 0 and not report["refused"], report


ODD = b"Subject: odd\r\n\r\nx\0y\r\n"


def odd_bench(messages=0):
    """The new server keeps no NUL octets; the first message has one."""
    bench = Batches(0)
    bench.new.alter = lambda text: text.replace(b"\0", b"\x80")
    bench.old.folders["INBOX"].add(ODD)
    for number in range(messages):
        bench.old.folders["INBOX"].add(body(number))
    return bench


def is_cut_off_before_it_reads_back():
    bench = odd_bench(1200)

    def die(_name, _bodies):
        if len(bench.new.batches) >= 3:
            raise Hangup
    bench.new.judge = die
    assert bench.run()[0] == 75
    bench.new.judge = None
    code, report = bench.run()
    assert code == 65, report
    assert [item["uid"] for item in report["refused"]] == [1], report
    assert "altered: it has NUL" in report["refused"][0]["words"], report
    bench.settled(ODD)
    # it is not tried again until somebody asks for it
    stored = len(bench.new.batches)
    code, report = bench.run()
    assert code == 65 and "NUL" in report["refused"][0]["words"], report
    assert len(bench.new.batches) == stored
    # what the server takes as it is counts then, and is read back once
    bench.new.alter = lambda text: text
    code, report = bench.run("--retry-altered")
    assert code == 0 and report["copied"] == 1, report


def may_not_take_out_what_is_altered():
    bench = odd_bench()
    bench.new.quirks["EXPUNGE"] = lambda session, tag, _rest: (
        session.send("%s NO [NOPERM] not you\r\n" % tag), True)
    for _ in range(3):
        code, report = bench.run()
        assert code == 65 and len(bench.new.order()) == 1, report
        assert "NUL octets" in report["refused"][0]["words"], report
    bench.new.quirks = {}
    code, report = bench.run()
    assert code == 65 and bench.new.order() == [], report
    assert "taken out again" in report["refused"][0]["words"], report


def is_refused_some_of_the_changes():
    bench = Batches(40)
    assert bench.run()[0] == 0
    mail, copy = (server.folders["INBOX"].mail
                  for server in (bench.old, bench.new))
    for uid in range(1, 20, 2):
        mail[uid][1] = "\\Flagged"
    mail[2][1] = ""
    del mail[40]

    def judge(session, tag, rest):
        if "Flagged" not in rest:
            return False
        session.send("%s NO [NOPERM] not this\r\n" % tag)
        return True
    bench.new.quirks["STORE"] = judge
    for _ in range(2):
        code, report = bench.run("--make-equal")
        assert code == 65, report
        assert "store flags: [NOPERM] not this" \
            in report["refused"][0]["words"], report
        # what stands behind it is done all the same
        assert copy[2][1] == "" and 40 not in copy, copy[2]
        assert copy[1][1] == "\\Seen", copy[1]
    bench.new.quirks = {}
    code, report = bench.run()
    assert code == 0 and report["copied"] == 0, report
    assert [flags for _, flags in copy.values()] \
        == [flags for _, flags in mail.values()], (copy[1], mail[1])


def is_told_the_uid_of_a_strangers_message():
    bench = odd_bench()
    folder, theirs = bench.new.folders["INBOX"], body(77)
    folder.add(theirs)
    add = folder.add
    folder.add = lambda *message: add(*message) and 1
    for _ in range(2):
        assert bench.run()[0] == 65
        assert folder.mail[1] == [theirs, "\\Seen"], folder.mail


def stores_nothing_and_tells_no_uid():
    bench = Batches(10, without=("UIDPLUS",))

    def lie(session, tag, _rest):
        session.send("%s OK done\r\n" % tag)
        return True
    bench.new.quirks["APPEND"] = lie
    bench.suffers()
    assert bench.new.order() == []
    bench.recovers()


def opens_lanes_for_many_folders():
    bench = Batches(0)
    for folder in range(6):
        bench.old.folders["F%d" % folder] = Folder()
        for number in range(200):
            bench.old.folders["F%d" % folder].add(
                body(folder * 1000 + number))
    code, report = bench.run("--lanes", "3")
    assert code == 0 and report["copied"] == 1200, report
    assert bench.new.counts["LOGIN"] == 3, bench.new.counts
    for folder in range(6):
        assert bench.new.order("F%d" % folder) == \
            bench.old.order("F%d" % folder)
    bench.old.folders["F1"].add(body(7777))
    assert bench.run()[1]["copied"] == 1
    assert bench.new.counts["LOGIN"] == 4, bench.new.counts


def is_let_in_only_once():
    bench = Batches(0)
    for folder in range(4):
        bench.old.folders["F%d" % folder] = Folder()
        for number in range(300):
            bench.old.folders["F%d" % folder].add(body(number))

    def limit(session, tag, _rest):
        if bench.new.counts["LOGIN"] > 1:
            session.send("%s NO [LIMIT] too many connections\r\n" % tag)
            return True
        return False
    bench.new.quirks["LOGIN"] = limit
    code, report = bench.run()
    assert code == 0 and report["copied"] == 1200, report


def stops_all_lanes_when_one_fails():
    bench = Batches(0)
    for folder in range(4):
        bench.old.folders["F%d" % folder] = Folder()
        for number in range(300):
            bench.old.folders["F%d" % folder].add(body(number))

    def die(session, _tag, rest):
        if rest.startswith('"F2"'):
            session.send("* BYE shutting down\r\n")
            raise Hangup
    bench.new.quirks["APPEND"] = die
    code, report = bench.suffers()
    assert code == 75 and "shutting down" in report["error"], report
    bench.recovers()


class Dying(Batches):
    """Its copier is killed before the n-th thing that it says."""

    library = None

    def start(self, step, *options):
        if Dying.library is None:
            Dying.library = os.path.join(LAB.path, "kill_at.so")
            run([os.environ.get("REHOME_CC", "cc").split()[0],
                 "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o",
                 Dying.library, KILL_AT, "-ldl"])
        count = os.path.join(self.state, "steps")
        with open(count, "wb") as out:
            out.write(struct.pack("Q", 0))
        urls = ["imap://ann@127.0.0.1:%d" % server.port
                for server in (self.old, self.new)]
        subprocess.run(
            [hostile_servers.COPIER, "copy", *urls, "--source-password-file",
             self.secret, "--destination-password-file", self.secret,
             "--state", self.state, *options], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, env=dict(
                os.environ, LD_PRELOAD=Dying.library, KILL_AT_COUNT=count,
                KILL_AT_STEP=str(step), KILL_AT_KIND="socket"))
        with open(count, "rb") as steps:
            return struct.unpack("Q", steps.read())[0]


def dying_bench():
    bench = Dying(0)
    for folder in ("INBOX", "A", "B"):
        bench.old.folders.setdefault(folder, Folder())
        for number in range(300):
            bench.old.folders[folder].add(
                body(number, 900 if number % 7 else 0))
    return bench


def dies_at(step):
    bench = dying_bench()
    bench.start(step)
    code, report = bench.run()
    assert code == 0 and report["complete"], (step, report)
    for name in ("INBOX", "A", "B"):
        assert Counter(bench.new.order(name)) == Counter(
            bench.old.order(name)), (step, name)
    assert bench.run()[1]["copied"] == 0, step


def dies_at_every_step_of_its_batches():
    steps = dying_bench().start(0)
    print("# %d steps" % steps, flush=True)
    assert steps >= 30, steps
    failures = []

    def some(first):
        for step in range(first, steps + 1, 4):
            try:
                dies_at(step)
            except Exception as error:
                failures.append((step, error))
    threads = [threading.Thread(target=some, args=(first,))
               for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def knows_what_it_was_about_to_store():
    """What it stored when it died is its own, not somebody else's."""
    steps = dying_bench().start(0)
    found = 0
    for step in range(steps // 2, steps - 3, 3):
        bench = dying_bench()
        bench.start(step)
        found += len(bench.new.order())
        for name in ("INBOX", "A", "B"):
            bench.old.folders[name].mail.clear()
        code, report = bench.run("--make-equal")
        assert code == 0 and report["foreign"] == 0, (step, report)
        left = sum(len(folder.mail) for folder in bench.new.folders.values())
        assert left == 0, (step, left)
    assert found > 0


def reads_answers_when_the_source_is_cut():
    """What was stored by then is known, and need not be found again."""
    bench = Batches(900, 3000)

    def slowly(_name, _bodies):
        time.sleep(0.3)
    bench.new.judge = slowly
    port = bench.old.port
    with Cut(port, DOWN, 2400000) as proxy:
        bench.old.port = proxy.port
        code, report = bench.run("--lanes", "1")
        bench.old.port = port
        assert code == 75 and proxy.happened, report
    stored = len(bench.new.order())
    assert 0 < stored < 900, stored
    with open(glob.glob(os.path.join(bench.state, "*.journal"))[0],
              encoding="ascii") as journal:
        pairs = sum(line[9] == "P" for line in journal.readlines()[1:])
    assert pairs == stored, (pairs, stored)


def odd_dying_bench():
    """Some of what it copies is altered by the new server."""
    bench = Dying(0)
    bench.new.alter = lambda text: text.replace(b"\0", b"\x80")
    for number in range(12):
        bench.old.folders["INBOX"].add(
            ODD.replace(b"odd", b"odd %d" % number) if number % 5 == 2
            else body(number))
    return bench


def dies_with_what_is_altered(*options):
    """Once, or told of and taken out; never twice, never taken for foreign."""
    steps = odd_dying_bench().start(0, *options)
    assert steps >= 10, steps
    whole = Counter(odd_dying_bench().old.order())
    odd = Counter(text for text in whole if b"\0" in text)
    left = Counter(text.replace(b"\0", b"\x80") for text in odd)

    def dies(step):
        bench = odd_dying_bench()
        bench.start(step, *options)
        for _ in range(2):
            code, report = bench.run(*options)
            there = Counter(bench.new.order())
            assert report["foreign"] == 0, (step, report)
            if options:
                assert code == 0 and len(report["altered"]) == 2, report
                assert there == whole - odd + left, (step, there - whole)
            else:
                assert code == 65 and len(report["refused"]) == 2, report
                assert there == whole - odd, (step, there - whole)
    with ThreadPoolExecutor(6) as workers:
        list(workers.map(dies, range(1, steps + 1)))


def dies_with_what_is_taken_out():
    dies_with_what_is_altered()


def dies_with_what_is_kept_altered():
    dies_with_what_is_altered("--keep-altered")


if __name__ == "__main__":
    with LAB:
        tap.main([
            stores_batches_in_order, refuses_one_of_a_batch,
            refuses_some_of_many, takes_only_small_batches, has_no_room_left,
            loses_its_folder, honours_appendlimit, with_fewer_capabilities,
            with_small_literals_unasked, refuses_a_literal_within_a_batch,
            alters_and_tells_no_uid, is_cut_off_before_it_reads_back,
            may_not_take_out_what_is_altered,
            is_refused_some_of_the_changes,
            is_told_the_uid_of_a_strangers_message,
            stores_nothing_and_tells_no_uid, opens_lanes_for_many_folders,
            is_let_in_only_once, stops_all_lanes_when_one_fails,
            dies_at_every_step_of_its_batches,
            knows_what_it_was_about_to_store,
            reads_answers_when_the_source_is_cut,
            dies_with_what_is_taken_out, dies_with_what_is_kept_altered])
