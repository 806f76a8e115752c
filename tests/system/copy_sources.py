# SPDX-License-Identifier: BSD-2-Clause
"""`rehome copy` from what is no IMAP server: POP3, Maildirs, mbox files. What
arrived is read back by a client of its own; the source is as it was."""

import email.utils
import fcntl
import hashlib
import imaplib
import json
import os
import poplib
import re
import subprocess
import sys
import threading
import time
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from courier import Courier  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from pop3_server import Hangup, Pop3Server  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, run  # noqa: E402

COPIER = os.path.join(tap.build_directory(), "copier", "rehome-copier")
LAB = Scratch("rehome-sources")
SERVERS = {}
MEMORY_KB = 40000  # what a run may take, whatever the size of a message
LARGE = 100 << 20


def server(name, **options):
    """A Dovecot that all tests share, with an account for each of them."""
    if name not in SERVERS:
        SERVERS[name] = Dovecot(LAB, name, **options)
        SERVERS[name].start()
        for number in range(1, 60):
            SERVERS[name].add_user("ann%d@example.org" % number)
    return SERVERS[name]


class Bench:
    """A source URL, and an account of its own at the destination."""

    count = 0

    def __init__(self):
        Bench.count += 1
        self.account = "ann%d@example.org" % Bench.count
        self.new = server("new")
        self.state = LAB.dir("state%d" % Bench.count)
        self.password = LAB.file("password", text=PASSWORD + "\n", mode=0o600)
        self.source = None

    def pop3(self, port, options=""):
        self.source = "pop3://%s@127.0.0.1:%d%s" % (
            self.account.replace("@", "%40"), port, options)
        return self

    def arguments(self, *options):
        command = [COPIER, "copy", self.source,
                   "imap://%s@127.0.0.1:%d" % (
                       self.account.replace("@", "%40"), self.new.imap),
                   "--destination-password-file", self.password,
                   "--state", self.state, "--json", *options]
        if self.source.startswith("pop3"):
            command += ["--source-password-file", self.password]
        return command

    def copy(self, *options, code=0):
        """The report of a run."""
        done = subprocess.run(self.arguments(*options), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=60)
        assert done.returncode == code, (done.returncode, done.stdout,
                                         done.stderr)
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}

    def memory(self):
        """Kilobytes that a run takes at most. Not by getrusage: that counts
        what this process had when the other was forked from it."""
        child = subprocess.Popen(self.arguments(), stdout=subprocess.PIPE)
        most = 0
        while child.poll() is None:
            with open("/proc/%d/status" % child.pid,
                      encoding="ascii") as status:
                found = re.search(r"VmHWM:\s+(\d+)", status.read())
            most = max(most, int(found.group(1)) if found else 0)
            time.sleep(0.005)
        report = json.loads(child.stdout.read().splitlines()[-1])
        assert child.returncode == 0 and report["complete"], report
        return most

    def client(self):
        client = imaplib.IMAP4("127.0.0.1", self.new.imap)
        client.login(self.account, PASSWORD)
        return client

    def folders(self, command="list"):
        client = self.client()
        found = {line.decode().rsplit(' "/" ', 1)[1].strip('"')
                 for line in getattr(client, command)()[1] if line}
        client.logout()
        return found

    def messages(self, folder="INBOX"):
        """[(body, date as an instant, flags)] in the order of their UIDs."""
        client = self.client()
        found = []
        if client.select('"%s"' % folder, True)[1][0] != b"0":
            for item in client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE "
                                   "BODY.PEEK[])")[1]:
                if isinstance(item, tuple):
                    flags = re.search(rb"FLAGS \((.*?)\)", item[0]).group(1)
                    found.append((
                        item[1],
                        time.mktime(imaplib.Internaldate2tuple(item[0])),
                        frozenset(flags.decode().split()) - {"\\Recent"}))
        client.logout()
        return found

    def bodies(self, folder="INBOX"):
        return Counter(body for body, _, _ in self.messages(folder))


def mail(number, extra="", size=0):
    return ("Received: from a by b; Tue, 5 May 2015 10:%02d:00 +0200 (CEST)\r\n"
            "Received: from c by a; Tue, 5 May 2015 09:00:00 +0200\r\n"
            "Date: Mon, 4 May 2015 08:00:00 -0500\r\n"
            "Subject: number %d\r\n%s\r\n%s" % (
                number % 60, number, extra,
                "".join("line %d\r\n" % n for n in range(size)))).encode()


ODD = (b"", b"\r\n", b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n",
       b"Subject: end\r\n\r\n.\r\n", b"no header end\r\n",
       b"Subject: 8-bit \xff\r\n\r\n\x80\x81\x01\r\n",
       b"Subject: long\r\n\r\n" + b"x" * 200000 + b"\r\n",
       b"Subject: bare\r\n\r\n.\ra\r\nb\r.\r\n",
       b"From me\r\n\r\n>From you\r\n+OK\r\n-ERR\r\n")


def scripted(count=5):
    source = Pop3Server()
    for number in range(count):
        source.add("u%d" % number, mail(number))
    return source


def expected(source):
    """Dovecot stores no empty message: it is refused."""
    return Counter(body for _, body in source.mail if body)


def pop3_copies_each_message_once():
    source = scripted(40)
    for number, body in enumerate(ODD):
        source.add("odd%d" % number, body)
    source.mail[:] = [entry for entry in source.mail if entry[1]]
    source.sizes = {"u3": 5, "odd6": 7, "u4": 99999}  # they are wrong
    bench = Bench().pop3(source.port)
    report = bench.copy()
    assert report["copied"] == len(source.mail), report
    assert bench.bodies() == expected(source)
    first = bench.messages()[:40]
    assert [body for body, _, _ in first] == [mail(n) for n in range(40)]
    assert [date for _, date, _ in first] == [
        email.utils.parsedate_to_datetime(
            "Tue, 5 May 2015 10:%02d:00 +0200" % n).timestamp()
        for n in range(40)]
    assert {flags for _, _, flags in first} == {frozenset()}
    source.seen.clear()
    report = bench.copy()
    assert report["copied"] == report["adopted"] == 0, report
    assert "RETR" not in source.seen, source.seen
    source.add("new", mail(41))
    del source.mail[0]  # its user has fetched it
    assert bench.copy()["copied"] == 1
    assert bench.bodies()[mail(41)] == 1 and bench.bodies()[mail(0)] == 1
    assert "DELE" not in source.seen


def pop3_says_what_it_cannot_do():
    for capabilities, words in (
            (["UIDL", "EXPIRE 0"], "EXPIRE 0"),
            (["UIDL", "EXPIRE 0 USER"], "EXPIRE 0"),
            (["USER", "TOP"], "UIDL")):
        source = scripted()
        source.capabilities = capabilities
        report = Bench().pop3(source.port).copy(code=76)
        assert words in report["error"], report
        assert "RETR" not in source.seen
    source = scripted()
    source.capabilities = None
    source.quirks["UIDL"] = lambda session, _: session.unknown("") or True
    report = Bench().pop3(source.port).copy(code=75)
    assert "UIDL" in report["error"], report


def pop3_manages_without_capabilities():
    source = scripted()
    source.capabilities = None
    source.quirks["NOOP"] = source.quirks["RSET"] = (
        lambda session, _: session.unknown("") or True)
    bench = Bench().pop3(source.port)
    assert bench.copy()["copied"] == 5
    assert bench.bodies() == expected(source)
    assert "PASS" in source.seen


def pop3_tells_a_wrong_password_from_a_busy_server():
    for answer, code, words in (
            ("-ERR [AUTH] no\r\n", 77, "[AUTH] no"),
            ("-ERR wrong password\r\n", 77, "wrong password"),
            ("-ERR [SYS/TEMP] disk\r\n", 75, "[SYS/TEMP]"),
            ("-ERR [LOGIN-DELAY] 300 s\r\n", 75, "LOGIN-DELAY")):
        source = scripted()
        source.quirks["AUTH"] = (
            lambda session, _, answer=answer: session.send(answer) or True)
        report = Bench().pop3(source.port).copy("--patience", "0", code=code)
        assert words in report["error"], report
    source = scripted()
    refusals = iter(range(3))

    def in_use(session, _rest):
        if next(refusals, None) is None:
            return False
        session.send("-ERR [IN-USE] somebody reads it\r\n")
        return True
    source.quirks["AUTH"] = in_use
    assert Bench().pop3(source.port).copy()["copied"] == 5


def pop3_keeps_equal_uidls_apart():
    source = scripted(3)
    source.add("same", mail(10))
    bench = Bench().pop3(source.port)
    assert bench.copy()["copied"] == 4
    source.add("same", mail(10))        # an equal message
    source.add("same", mail(12, "X: y\r\n"))
    source.add("z" * 200, mail(13))     # a long one
    assert bench.copy()["copied"] == 3
    assert bench.bodies() == expected(source)
    assert bench.copy()["copied"] == 0
    del source.mail[3]
    source.add("other", mail(14))
    assert bench.copy()["copied"] == 1
    assert bench.bodies()[mail(10)] == 2
    source.mail[:] = [entry for entry in source.mail if entry[1] != mail(10)]
    bench.copy("--make-equal")  # one of that UIDL is left: which?
    assert bench.bodies() == expected(source)


def pop3_goes_on_after_a_broken_session():
    source = scripted(30)
    broken = iter(range(3))

    def cut(session, rest):
        if rest not in ("5", "6", "28") or next(broken, None) is None:
            return False
        session.send(b"+OK\r\n" + session.mail[int(rest) - 1][1][:40])
        raise Hangup
    source.quirks["RETR"] = cut
    bench = Bench().pop3(source.port, "?pause=50ms")
    assert bench.copy()["copied"] == 30
    assert [body for body, _, _ in bench.messages()] == [
        mail(number) for number in range(30)]  # none was left for later


def pop3_goes_on_without_its_uids():
    source = scripted(10)
    source.sizes = {"u1": 1}
    bench = Bench().pop3(source.port)
    assert bench.copy()["copied"] == 10
    for name in os.listdir(bench.state):
        if name.endswith(".uidmap"):
            os.unlink(os.path.join(bench.state, name))
    report = bench.copy()
    assert report["copied"] == 0 and report["messages"] == 10, report
    for name in os.listdir(bench.state):
        with open(os.path.join(bench.state, name), "r+b") as damaged:
            if name.endswith(".uidmap"):
                damaged.seek(60)
                damaged.write(b"?")
    assert bench.copy()["copied"] == 0
    assert bench.bodies() == expected(source)


def pop3_reports_a_message_that_cannot_be_read():
    source = scripted(5)

    def refuse(session, rest):
        if rest != "3":
            return False
        session.send("-ERR it is damaged\r\n")
        return True
    source.quirks["RETR"] = refuse
    bench = Bench().pop3(source.port)
    report = bench.copy(code=65)
    assert "it is damaged" in report["refused"][0]["words"], report
    assert sum(bench.bodies().values()) == 4
    del source.quirks["RETR"]
    assert bench.copy()["copied"] == 1
    assert bench.bodies() == expected(source)


def pop3_leaves_the_maildrop_to_its_user():
    source = scripted(60)

    def slow(_session, _rest):
        time.sleep(0.03)
        return False
    source.quirks["RETR"] = slow
    bench = Bench().pop3(source.port, "?session=300ms&pause=400ms")
    assert bench.copy()["copied"] == 60
    assert source.most_open == 1
    lengths = [end - begin for begin, end in source.sessions]
    assert len(lengths) >= 5 and max(lengths) < 1.5, lengths
    pauses = [later[0] - earlier[1] for earlier, later
              in zip(source.sessions[2:], source.sessions[3:])]
    assert min(pauses) >= 0.39, pauses


def pop3_of_dovecot():
    old = server("old", pop3=True, extra="pop3_lock_session = yes\n")
    bench = Bench().pop3(old.pop3, "?session=1s&pause=200ms")
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    bodies = [mail(number, size=number * 7 % 200) for number in range(120)]
    bodies += [body for body in ODD if body and b"\r." not in body]
    for body in bodies:
        client.append("INBOX", "\\Seen", None, body)
    assert bench.copy()["copied"] == len(bodies)
    assert bench.bodies() == Counter(bodies)
    assert bench.copy()["copied"] == 0
    client.append("INBOX", None, None, mail(500))
    client.select()
    client.store("2", "+FLAGS", "\\Deleted")
    client.expunge()
    assert bench.copy()["copied"] == 1
    assert bench.bodies()[mail(500)] == 1 and bench.bodies()[bodies[1]] == 1
    assert client.select()[1][0] == b"%d" % len(bodies)
    client.logout()


def pop3_lets_a_reader_in():
    """Somebody who fetches his mail all the time while it is copied."""
    old = server("old", pop3=True, extra="pop3_lock_session = yes\n")
    bench = Bench().pop3(old.pop3, "?session=20ms&pause=300ms")
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    for number in range(600):
        client.append("INBOX", None, None, mail(number, size=400))
    client.logout()
    end = threading.Event()
    waits = []

    def reader():
        while not end.is_set():
            began = time.monotonic()
            while True:
                try:
                    session = poplib.POP3("127.0.0.1", old.pop3, timeout=30)
                    session.user(bench.account)
                    session.pass_(PASSWORD)
                    break
                except poplib.error_proto:
                    time.sleep(0.02)
            session.stat()
            waits.append(time.monotonic() - began)
            session.quit()
            time.sleep(0.1)
    thread = threading.Thread(target=reader)
    thread.start()
    try:
        report = bench.copy()
    finally:
        end.set()
        thread.join(40)
    assert report["copied"] == 600, report
    assert len(waits) > 1 and max(waits) < 5, waits


def pop3_of_others(kind):
    old = kind(LAB, "old-" + kind.__name__.lower())
    old.start()
    bench = Bench().pop3(old.pop3)
    old.add_users(bench.account)
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    bodies = [mail(number, size=number) for number in range(50)]
    for body in bodies:
        assert client.append("INBOX", None, None, body)[0] == "OK"
    client.logout()
    assert bench.copy()["copied"] == 50
    assert bench.bodies() == Counter(bodies)
    assert bench.copy()["copied"] == 0


def pop3_of_courier():
    pop3_of_others(Courier)


def pop3_of_cyrus():
    pop3_of_others(Cyrus)


def pop3_streams_a_large_message():
    source = scripted(2)
    large = mail(3) + b"0123456789abcdef" * 4 * 15 + b"\r\n"
    large += (b"y" * 998 + b"\r\n") * (LARGE // 1000)
    source.add("large", large)
    bench = Bench().pop3(source.port)
    used = bench.memory()
    assert used < MEMORY_KB, used
    digests = {hashlib.sha256(body).digest() for body in bench.bodies()}
    assert hashlib.sha256(large).digest() in digests


def trace(path):
    """Everything below a path that a reader must leave as it is."""
    found = {}
    for directory, _, files in os.walk(path):
        for name in ["."] + files:
            status = os.lstat(os.path.join(directory, name))
            found[directory, name] = (status.st_mode, status.st_ino,
                                      status.st_size, status.st_mtime_ns,
                                      status.st_ctime_ns, status.st_nlink)
    return found


def maildir(bench, *folders):
    """An empty one, with these directories in it."""
    root = LAB.dir("maildir", bench.account)
    for folder in ("",) + folders:
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(root, folder, part))
    bench.source = "maildir:" + root
    return root


def put(root, name, body, date=1431000000):
    path = os.path.join(root, name)
    with open(path, "wb") as out:
        out.write(body)
    os.utime(path, (date, date))


def maildir_as_a_server_sees_it():
    old = server("old", pop3=True, extra="pop3_lock_session = yes\n")
    bench = Bench()
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    folders = ("INBOX", "Sent", "Archive/2019/Q1", "&AMQ-rger &- Spa&AN8-",
               "with space", "back\\slash")
    for index, folder in enumerate(folders):
        name = '"%s"' % folder.replace("\\", "\\\\")
        client.create(name)
        if index % 2:
            client.subscribe(name)
        for number in range(12):
            flags = " ".join(flag for bit, flag in enumerate(
                ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted",
                 "$Forwarded", "projectX")) if number * 13 >> bit & 1)
            client.append(name, "(%s)" % flags,
                          '" 5-May-2015 1%d:00:00 -0330"' % (number % 10),
                          mail(number + 20 * index, size=number))
    client.select("INBOX")
    validity = client.untagged_responses["UIDVALIDITY"][0].decode()
    client.uid("STORE", "3", "+FLAGS", "\\Deleted")
    client.uid("EXPUNGE", "3")
    client.logout()
    root = os.path.join(old.mail, bench.account, "maildir")
    before = trace(root)
    bench.source = "maildir:" + root
    report = bench.copy()
    assert report["copied"] == 71 and not report["refused"], report
    assert trace(root) == before
    there = bench.folders()
    for index, folder in enumerate(folders):
        name = folder.replace("\\", "\\\\")
        assert name in there, (name, there)
        found = bench.messages(name)
        wanted = [n for n in range(12) if (index, n) != (0, 2)]
        assert [body for body, _, _ in found] == [
            mail(n + 20 * index, size=n) for n in wanted], folder
        assert [(date, flags) for _, date, flags in found] == [
            (email.utils.parsedate_to_datetime(
                "Tue, 5 May 2015 1%d:00:00 -0330" % (n % 10)).timestamp(),
             frozenset(flag for bit, flag in enumerate(
                 ("\\Seen", "\\Flagged", "\\Answered", "\\Draft",
                  "\\Deleted", "$Forwarded", "projectX"))
                 if n * 13 >> bit & 1)) for n in wanted], folder
    assert bench.folders("lsub") == {
        folder.replace("\\", "\\\\") for folder in folders[1::2]}
    assert bench.copy()["copied"] == 0
    for name in os.listdir(bench.state):
        if name.endswith(".uidmap"):
            with open(os.path.join(bench.state, name),
                      encoding="ascii") as uids:
                text = uids.read()
            assert re.search(r" F \d+ %s INBOX\n" % validity, text), text
            found = {int(uid) for uid in re.findall(
                r" M 0 (\d+) \d+ \d", text)}
            assert found == set(range(1, 13)) - {3}, found


def maildir_while_mail_comes_in():
    """Deliveries, flags and removals by a server, and copies meanwhile."""
    old = server("old", pop3=True, extra="pop3_lock_session = yes\n")
    bench = Bench()
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    for number in range(200):
        client.append("INBOX", None, None, mail(number, size=5))
    bench.source = "maildir:" + os.path.join(old.mail, bench.account,
                                             "maildir")
    end = threading.Event()
    failures = []

    def user():
        number = 200
        try:
            client.select("INBOX")
            while not end.is_set():
                client.append("INBOX", None, None, mail(number, size=5))
                number += 1
                client.store("%d" % (number % 150 + 1), "FLAGS",
                             "(\\Seen)" if number % 2 else "(\\Flagged k)")
                client.store("%d" % (number % 7 + 1), "+FLAGS", "\\Deleted")
                if number % 5 == 0:
                    client.expunge()
                time.sleep(0.002)
        except Exception as error:  # told below
            failures.append(error)
    thread = threading.Thread(target=user)
    thread.start()
    copied = 0
    try:
        for _ in range(4):
            done = subprocess.run(bench.arguments("--make-equal"), text=True,
                                  stdout=subprocess.PIPE, timeout=60)
            assert done.returncode in (0, 65), done
            copied += json.loads(done.stdout.splitlines()[-1])["copied"]
    finally:
        end.set()
        thread.join(20)
    assert not failures and copied > 200, (failures, copied)
    client.expunge()
    bench.copy("--make-equal")
    there = Bench.messages(bench)
    bench.new, new = old, bench.new
    here = bench.messages()
    bench.new = new
    assert there == here, (len(there), len(here), Counter(
        m[0] for m in there) - Counter(m[0] for m in here))
    assert len(here) > 50


def maildir_with_awkward_files():
    bench = Bench()
    root = maildir(bench, ".A.B", "fs/deep", ".\xc4rger", ".R&D", ".x..y")
    put(root, "cur/1.a:2,S", b"Subject: lf\n\nx\r\ny\n\n.\nlast")
    put(root, "cur/2.a,S=5,W=9:2,Fz", b"Subject: two\n\n")
    put(root, "new/3.a", b"Subject: new\n\nbare \r cr\n")
    put(root, "cur/4.a", mail(4), date=951825600)
    put(root, "cur/.hidden", b"no message\n")
    put(root, ".A.B/cur/5.b:2,DFPRST", mail(5))
    put(root, "fs/deep/cur/6.c:2,", mail(6))
    put(root, ".\xc4rger/new/7.d", mail(7))
    put(root, ".R&D/new/8.d", mail(8))
    put(root, ".x..y/new/9.d", mail(9))
    put(root, "cur/10.z:2,S", b"\x1f\x8b\x08" + b"z" * 50)
    os.symlink("/etc/passwd", os.path.join(root, "cur", "11.l:2,"))
    os.mkfifo(os.path.join(root, "new", "12.p"))
    os.mkdir(os.path.join(root, "cur", "13.d:2,"))
    os.symlink(root, os.path.join(root, ".Loop"))
    before = trace(root)
    report = bench.copy(code=65)
    words = " ".join(item["words"] for item in report["refused"])
    assert "4 messages cannot be read" in words, report
    assert "symbolic link" in words and "level of its name" in words, report
    assert report["copied"] == 8, report
    assert trace(root) == before
    found = bench.messages()
    assert [body for body, _, _ in found] == [
        b"Subject: lf\r\n\r\nx\r\ny\r\n\r\n.\r\nlast",
        b"Subject: two\r\n\r\n", b"Subject: new\r\n\r\nbare \r cr\r\n",
        mail(4)]
    assert [flags for _, _, flags in found] == [
        {"\\Seen"}, {"\\Flagged"}, set(), set()]
    assert [date for _, date, _ in found] == 3 * [1431000000] + [951825600]
    assert bench.messages("A/B")[0][2] == {
        "\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Seen",
        "\\Deleted"}
    for folder, number in (("fs/deep", 6), ("&AMQ-rger", 7), ("R&-D", 8)):
        assert bench.bodies(folder) == Counter([mail(number)]), folder
    os.rename(os.path.join(root, "new/3.a"),
              os.path.join(root, "cur/3.a,S=99:2,S"))
    report = bench.copy(code=65)
    assert report["copied"] == 0 and report["flags"] == 1, report
    assert bench.messages()[2][2] == {"\\Seen"}


def maildir_streams_a_large_message():
    bench = Bench()
    large = b"Subject: large\n\n" + (b"y" * 998 + b"\n") * (LARGE // 1000)
    root = maildir(bench)
    put(root, "cur/1.a:2,", large)
    used = bench.memory()
    assert used < MEMORY_KB, used
    assert hashlib.sha256(bench.messages()[0][0]).digest() == hashlib.sha256(
        large.replace(b"\n", b"\r\n")).digest()


FROM = b"From a@b Tue May  5 10:%02d:01 2015\n"


def mbox(*bodies):
    """As a mail program writes it: LF, an empty line behind each message."""
    return b"".join(FROM % (number % 60) + body.replace(b"\r\n", b"\n")
                    + b"\n" for number, body in enumerate(bodies))


def mbox_of_a_file():
    bench = Bench()
    path = os.path.join(LAB.dir("mbox", bench.account), "mail")
    bodies = [mail(number, size=number) for number in range(30)]
    with open(path, "wb") as out:
        out.write(mbox(*bodies))
    bench.source = "mbox:" + path
    os.environ["TZ"] = "Europe/Berlin"  # the zone of dates without one
    before = trace(os.path.dirname(path))
    try:
        report = bench.copy()
    finally:
        del os.environ["TZ"]
    assert report["copied"] == 30, report
    assert trace(os.path.dirname(path)) == before
    found = bench.messages()
    assert [body for body, _, _ in found] == bodies
    assert [date for _, date, _ in found] == [
        1430812801 + 60 * number for number in range(30)]
    assert bench.copy()["copied"] == 0
    with open(path, "ab") as out:
        out.write(mbox(mail(50), mail(3, size=3), mail(51)))
    assert bench.copy()["copied"] == 3
    assert bench.bodies() == Counter(
        bodies + [mail(50), mail(3, size=3), mail(51)])
    with open(path, "wb") as out:  # read, answered, some removed
        out.write(mbox(*[body.replace(b"Subject:", b"Status: RO\r\nX-Status: "
                                      b"A\r\nSubject:") for body in
                         bodies[:10] + bodies[12:]]))
    report = bench.copy("--make-equal")
    assert report["copied"] == 0 and report["removed"] == 5, report
    assert bench.bodies() == Counter(bodies[:10] + bodies[12:])
    assert {flags for _, _, flags in bench.messages()} == {
        frozenset(("\\Seen", "\\Answered"))}


def mbox_of_a_directory():
    bench = Bench()
    root = LAB.dir("mbox", bench.account)
    plain = mbox(mail(1), mail(2))
    odd = (FROM % 0 + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
           b"DATA\nX-IMAP: 1430812800 0000000003 k1\nStatus: RO\n\ntext\n\n"
           + FROM % 1 + b"Subject: lf\nX-Keywords: k1 k2                \n"
           b"Content-Length: 2000\n\n>From x\n\nFrom here to there\n\n"
           + FROM % 2 + b"Subject: len\nContent-Length: 45\n\n" + FROM % 9
           + b"\nHello you\n" + b"\n"
           + FROM % 3 + b"X-Mozilla-Status: 0009\n\nremoved\n\n"
           + FROM % 4 + b"\nno header\n\n\n"
           + b"From nobody\n\n" + FROM % 5 + b"Subject: end")
    for name, text in (("inbox", plain), ("Sent", plain), ("Odd", odd),
                       ("Empty", b""), ("Odd.msf", b"index"),
                       ("A.sbd/B", plain), ("A.sbd/&AMQ-", plain),
                       ("A", plain), ("archive/2019", plain),
                       (".subscriptions", b"Sent\narchive/2019\n"),
                       ("notes", b"no mbox\n")):
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        with open(os.path.join(root, name), "wb") as out:
            out.write(text)
    os.symlink("Sent", os.path.join(root, "Link"))
    bench.source = "mbox:" + root
    report = bench.copy(code=65)
    words = sorted(item["words"] for item in report["refused"])
    assert len(words) == 2 and "symbolic link" in words[0] and (
        "no mbox" in words[1]), report
    assert bench.folders() >= {"INBOX", "Sent", "Odd", "Empty", "A", "A/B",
                               "A/&AMQ-", "archive/2019"}
    for folder in ("INBOX", "Sent", "A", "A/B", "A/&AMQ-", "archive/2019"):
        assert bench.bodies(folder) == Counter([mail(1), mail(2)]), folder
    found = bench.messages("Odd")
    assert [body for body, _, _ in found] == [
        b"Subject: lf\r\n\r\n>From x\r\n\r\nFrom here to there\r\n",
        b"Subject: len\r\n\r\n" + (FROM % 9)[:-1]
        + b"\r\n\r\nHello you\r\n",
        b"\r\nno header\r\n\r\n\r\nFrom nobody\r\n",
        b"Subject: end"], found
    assert [flags for _, _, flags in found] == [
        {"k1", "k2"}, set(), set(), set()]
    assert bench.folders("lsub") == {"Sent", "archive/2019"}
    quoted = Bench()
    quoted.source = "mbox:" + root + "/Odd?quoting=mboxrd"
    quoted.copy()
    assert quoted.messages()[0][0] == (
        b"Subject: lf\r\n\r\nFrom x\r\n\r\nFrom here to there\r\n")


def mbox_waits_for_its_lock():
    bench = Bench()
    path = os.path.join(LAB.dir("mbox", bench.account), "mail")
    with open(path, "wb") as out:
        out.write(mbox(mail(1)))
    bench.source = "mbox:" + path
    held = LAB.file("mbox", bench.account, "mail.lock", text="")
    thread = threading.Timer(1, lambda: (
        open(path, "ab").write(mbox(mail(2))), os.unlink(held)))
    thread.start()
    assert bench.copy()["copied"] == 2
    with open(path, "r+b") as other:
        fcntl.lockf(other, fcntl.LOCK_EX)
        thread = threading.Timer(1, lambda: (
            other.seek(0, 2), other.write(mbox(mail(3))), other.flush(),
            fcntl.lockf(other, fcntl.LOCK_UN)))
        thread.start()
        assert bench.copy()["copied"] == 1
        thread.join()
    assert bench.bodies() == Counter([mail(1), mail(2), mail(3)])


def mbox_while_mail_comes_in():
    """Deliveries by a program that locks, one message at a time."""
    bench = Bench()
    path = os.path.join(LAB.dir("mbox", bench.account), "mail")
    with open(path, "wb") as out:
        out.write(mbox(*[mail(number, size=20) for number in range(300)]))
    bench.source = "mbox:" + path
    end = threading.Event()
    sent = list(range(300))

    def deliver():
        while not end.is_set():
            with open(path, "ab") as out:
                fcntl.lockf(out, fcntl.LOCK_EX)
                for piece in (mbox(mail(len(sent), size=20))[:100],
                              mbox(mail(len(sent), size=20))[100:]):
                    out.write(piece)
                    out.flush()
                sent.append(len(sent))
            time.sleep(0.02)
    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        for _ in range(3):
            subprocess.run(bench.arguments(), stdout=subprocess.DEVNULL,
                           timeout=60)
    finally:
        end.set()
        thread.join()
    bench.copy()
    assert bench.bodies() == Counter(
        mail(number, size=20) for number in sent)
    assert len(sent) > 310


def mbox_streams_a_large_message():
    bench = Bench()
    path = os.path.join(LAB.dir("mbox", bench.account), "mail")
    large = b"Subject: large\n\n" + (b"y" * 998 + b"\n") * (LARGE // 1000)
    with open(path, "wb") as out:
        out.write(mbox(mail(1), large, mail(2)))
    bench.source = "mbox:" + path
    used = bench.memory()
    assert used < MEMORY_KB, used
    assert hashlib.sha256(bench.messages()[1][0]).digest() == hashlib.sha256(
        large.replace(b"\n", b"\r\n")).digest()


class Pop3System:
    """A Dovecot as it is configured when there is but its POP3."""

    def __init__(self, dovecot):
        self.dovecot, self.name = dovecot, dovecot.name

    def system_section(self):
        lines = [line for line in self.dovecot.system_section().splitlines()
                 if not re.match(r"\s*(imap|pop3) =", line)]
        lines[-1:] = ['    pop3 = "pop3://127.0.0.1:%d"' % self.dovecot.pop3,
                      '    pop3_session = "2s"', '    pop3_pause = "200ms"',
                      "}", ""]
        return "\n".join(lines)


def moves_an_account_from_pop3():
    """The whole way: rounds, freeze, proof, flip, a straggler; no return."""
    old = server("old", pop3=True, extra="pop3_lock_session = yes\n")
    bench = Bench()
    client = imaplib.IMAP4("127.0.0.1", old.imap)
    client.login(bench.account, PASSWORD)
    for number in range(40):
        client.append("INBOX", None, None, mail(number))
    site = Rehome(LAB, tap.build_directory(), (Pop3System(old), bench.new))
    site.start_policyd()
    site.ctl("add", bench.account, "--source", "old", "--destination", "new")
    refused = site.ctl("return", bench.account, check=False)
    assert refused.returncode != 0 and "POP3" in refused.stderr, refused
    site.ctl("move", bench.account, "--manual")
    site.start_copier()
    site.wait_phase(bench.account, "ready")
    client.append("INBOX", None, None, mail(41))
    site.ctl("complete", bench.account)
    site.wait_phase(bench.account, "sweeping")
    LAB.stop("copier")
    assert bench.bodies() == Counter(
        [mail(number) for number in range(40)] + [mail(41)])
    run(["doveadm", "-c", old.config, "save", "-u", bench.account],
        input=mail(42).decode())
    site.start_copier()
    account = site.wait_phase(bench.account, "settled")
    assert account["home"] == "destination", account
    assert bench.bodies() == Counter(
        [mail(number) for number in range(40)] + [mail(41), mail(42)])
    refused = site.ctl("return", bench.account, check=False)
    assert refused.returncode != 0 and "POP3" in refused.stderr, refused
    LAB.stop("copier")
    LAB.stop("policyd")


def takes_no_other_destination():
    bench = Bench()
    bench.source = "imap://a@127.0.0.1:%d" % bench.new.imap
    for url in ("pop3://a@b", "maildir:/tmp/x", "mbox:/tmp/x"):
        done = subprocess.run(
            [COPIER, "copy", bench.source, url, "--source-password-file",
             bench.password, "--destination-password-file", bench.password],
            stderr=subprocess.PIPE, text=True)
        assert done.returncode == 64 and "only IMAP" in done.stderr, done


TESTS = [
    pop3_copies_each_message_once,
    pop3_says_what_it_cannot_do,
    pop3_manages_without_capabilities,
    pop3_tells_a_wrong_password_from_a_busy_server,
    pop3_keeps_equal_uidls_apart,
    pop3_goes_on_after_a_broken_session,
    pop3_goes_on_without_its_uids,
    pop3_reports_a_message_that_cannot_be_read,
    pop3_leaves_the_maildrop_to_its_user,
    pop3_of_dovecot,
    pop3_lets_a_reader_in,
    pop3_of_courier,
    pop3_of_cyrus,
    pop3_streams_a_large_message,
    maildir_as_a_server_sees_it,
    maildir_while_mail_comes_in,
    maildir_with_awkward_files,
    maildir_streams_a_large_message,
    mbox_of_a_file,
    mbox_of_a_directory,
    mbox_waits_for_its_lock,
    mbox_while_mail_comes_in,
    mbox_streams_a_large_message,
    moves_an_account_from_pop3,
    takes_no_other_destination,
]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
