# SPDX-License-Identifier: BSD-2-Clause
"""An account of every awkward thing that mail servers hold: what fill() cannot
store by IMAP, because the server of today refuses it, it puts into the files,
as if it had been there from before."""

import hashlib
import os

from checker import encode_utf7, parse_date
from dovecot import PASSWORD
from wire import Refused, Wire, quoted

HEAD = b"From: <a@example.com>\r\nTo: <b@example.org>\r\n"

BODIES = {
    "plain": HEAD + b"Subject: plain\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n",
    "no message-id": HEAD + b"Subject: none\r\n\r\nno id\r\n",
    "empty message-id": HEAD + b"Message-ID:\r\n\r\nan empty one\r\n",
    "two message-ids": HEAD + b"Message-ID: <2@x>\r\nMessage-ID: <3@x>\r\n"
                              b"\r\nbody\r\n",
    "same id, one": b"Message-ID: <same@x>\r\nSubject: 1\r\n\r\nfirst\r\n",
    "same id, two": b"Message-ID: <same@x>\r\nSubject: 2\r\n\r\nsecond\r\n",
    "tiny": b"A: b\r\n\r\n",
    "empty": b"",
    "body only": b"\r\nbody only, no header\r\n",
    "no header end": HEAD + b"Subject: no end of the header\r\n",
    "no colon": b"this line has no colon\r\n" + HEAD + b"\r\nbody\r\n",
    "space before colon": b"Subject : spaced\r\nFrom : x@y\r\n\r\nb\r\n",
    "from line": b"From a@example.com Mon Jan  1 00:00:00 2024\r\n" + HEAD
                 + b"\r\nFrom here on\r\n>From there\r\n.\r\n..\r\n",
    "8-bit subject": HEAD + "Subject: Grüße 日本\r\n\r\nUTF-8\r\n".encode(),
    "latin-1 subject": HEAD + b"Subject: Gr\xfc\xdfe\r\n\r\nLatin-1\r\n",
    "broken utf-8": HEAD + b"Subject: \xff\xfe\xc3\r\n\r\n\x80\x81\xfe\r\n",
    "8-bit address": "From: Jürgen <j@bücher.example>\r\n\r\nx\r\n".encode(),
    "control characters": HEAD + b"Subject: \x01\x02\x7f\x0b\r\n\r\n"
                                 b"\x01\x0c\x1b[31m\r\n",
    "nul in the body": HEAD + b"Subject: nul\r\n\r\nbefore\0after\r\n",
    "nul in the header": HEAD + b"Subject: n\0l\r\n\r\nbody\r\n",
    "bare cr": HEAD + b"Subject: cr\r\n\r\none\rtwo\r\r\nthree\r\n",
    "bare lf": HEAD + b"Subject: lf\r\n\r\none\ntwo\n\nthree\r\n",
    "no last line end": HEAD + b"Subject: end\r\n\r\nlast line",
    "ends in cr": HEAD + b"Subject: end\r\n\r\nlast line\r",
    "long line": HEAD + b"Subject: long\r\n\r\n" + b"x" * 150001 + b"\r\n",
    "long header": b"X-Long: " + b"z" * 40000 + b"\r\n" + HEAD + b"\r\nb\r\n",
    "many headers": b"".join(b"Received: from r%d by s%d; x\r\n" % (n, n)
                             for n in range(900)) + HEAD + b"\r\nbody\r\n",
    "folded header": b"X-Fold: a\r\n \r\n\t\r\n b\r\n" + HEAD + b"\r\nb\r\n",
    "like imap": HEAD + b"Subject: {10}\r\n\r\n* 1 FETCH (BODY[] {5}\r\n"
                        b"A1 OK done\r\n)\r\n{3+}\r\n",
    "broken mime": HEAD + b'Content-Type: multipart/mixed; boundary="b\r\n\r\n'
                          b"--b\r\n--b\r\n--b--\r\n--b\r\n",
    "8 kB edge": HEAD + b"\r\n" + b"e" * (8192 - len(HEAD) - 4) + b"\r\n",
}
DATES = (b" 1-Jan-1990 00:00:00 +0000", b"31-Dec-1999 23:59:59 -1200",
         b"29-Feb-2000 12:00:00 +1400", b"24-Feb-2022 03:14:07 +0000",
         b" 9-Sep-2001 01:46:40 +0000", b"31-Mar-2024 02:30:00 +0100",
         b"27-Oct-2024 02:30:00 +0200", b"13-Feb-2009 23:31:30 +0545",
         b" 1-Jan-1970 00:00:01 +0000", b"29-Feb-2024 23:30:00 -0330")
FLAGS = ((), (b"\\Seen",), (b"\\Seen", b"\\Answered"), (b"\\Flagged",),
         (b"\\Draft", b"\\Seen"), (b"\\Deleted",),
         (b"\\Seen", b"$Forwarded"), (b"projectX", b"billing-2024"),
         (b"\\Flagged", b"NonJunk", b"$MDNSent"))
MANY = tuple(b"kw%02d" % number for number in range(12))

# (levels, subscribed): what at least one server has as it stands here.
FOLDERS = (
    (("Sent",), True), (("Drafts",), True), (("Trash",), False),
    (("with space",), True), (("Empty",), False), (("twins",), False),
    (("a", "b", "c", "d"), True), (("keywords",), False),
    (("dates",), False), (("Ärger & Spaß",), True), (("a&b",), True),
    (("日本語", "メール"), False), (("party 🎉 über",), False),
    (("CASE",), False), (("case",), True), (('quo"te',), True),
    (("back\\slash",), False), (("star*pct%",), True),
    (("(paren) [bracket] {brace}",), False), (("{5}",), False),
    (("til~de",), False), (("~tilde",), True), (("dot.in.name",), True),
    (("slash/in/name",), False), (("^caret",), False), (("a:b;c",), False),
    (("tab\tname",), False), (("bell\x07name",), True), (("#hash",), True),
    (("trailing ",), False), (("inbox2",), False), (("x" * 120,), False),
    (("NIL",), True), (("INBOX child", "INBOX"), False))


def digest(body):
    return hashlib.sha256(body).hexdigest()


def messages():
    """[(levels, body, flags, date)], the same each time."""
    found = []
    for index, name in enumerate(BODIES):
        found.append((("INBOX",), BODIES[name], FLAGS[index % len(FLAGS)],
                      DATES[index % len(DATES)]))
    for index, (folder, _) in enumerate(FOLDERS):
        if folder == ("Empty",):
            continue
        for number in range(1 + index % 3):
            found.append((folder, HEAD + b"Subject: %d of %d\r\n\r\n%s\r\n" % (
                number, index, b"text " * (index * 7)),
                FLAGS[(index + number) % len(FLAGS)],
                DATES[(index + number) % len(DATES)]))
    twin = BODIES["plain"]
    for _ in range(3):
        found.append((("twins",), twin, (b"\\Seen",), DATES[4]))
    found.append((("twins",), twin, (), DATES[4]))
    found.append((("twins",), twin, (b"\\Seen",), DATES[0]))
    found.append((("twins",), BODIES["no message-id"], (), DATES[1]))
    found.append((("twins",), BODIES["no message-id"], (), DATES[1]))
    for index in range(8):
        found.append((("keywords",), HEAD + b"\r\n%d\r\n" % index,
                      MANY[:index + 4], DATES[2]))
    for date in DATES:
        found.append((("dates",), HEAD + b"\r\n" + date + b"\r\n", (), date))
    return found


def _system_flags(flags):
    letters = {b"\\Draft": "D", b"\\Flagged": "F", b"\\Answered": "R",
               b"\\Seen": "S", b"\\Deleted": "T"}
    return "".join(sorted(letters[flag] for flag in flags if flag in letters))


class Files:
    """Puts folders and messages into a Maildir, past the server."""

    def __init__(self, maildir, owner):
        self.maildir = maildir
        self.owner = owner
        self.stored = 0

    def folder(self, path):
        if path == ("INBOX",):
            return self.maildir
        return os.path.join(self.maildir, "." + ".".join(
            encode_utf7(level).decode() for level in path))

    def create(self, path):
        folder = self.folder(path)
        if os.path.exists(folder):
            return
        for part in ("", "cur", "new", "tmp"):
            os.mkdir(os.path.join(folder, part))
            os.chown(os.path.join(folder, part), self.owner.pw_uid,
                     self.owner.pw_gid)
        with open(os.path.join(folder, "maildirfolder"), "wb"):
            pass
        os.chown(os.path.join(folder, "maildirfolder"), self.owner.pw_uid,
                 self.owner.pw_gid)

    def store(self, path, body, flags, instant):
        self.stored += 1
        file = os.path.join(self.folder(path), "cur", "%d.M%dP1.lab:2,%s" % (
            instant % 2 ** 31, self.stored, _system_flags(flags)))
        with open(file, "wb") as out:
            out.write(body.replace(b"\r\n", b"\n"))
        os.chown(file, self.owner.pw_uid, self.owner.pw_gid)
        os.utime(file, (instant, instant))


# What is past the server rather than through it, where there are files: a
# server of today refuses these, or stores others in their place.
PAST = {BODIES[name] for name in (
    "empty", "nul in the body", "nul in the header", "bare cr", "bare lf",
    "ends in cr")}


def _create(session, files, prefix, separator, path, subscribed):
    """Whether the folder is there now."""
    name = prefix + separator.join(encode_utf7(level) for level in path)
    if any(separator in encode_utf7(level) for level in path):
        return False
    try:
        session.command(b"CREATE", quoted(name))
    except Refused:
        if files is None or "".join(path).isprintable():
            return False
        files.create(path)
    if subscribed:
        session.command(b"SUBSCRIBE", quoted(name))
    return True


def _store(session, files, name, message):
    path, body, flags, date = message
    if files is not None and body in PAST:
        files.store(path, body, flags, parse_date(date)[0])
        return True
    try:
        session.append(name, body, flags, date)
        return True
    except Refused:
        return False


def fill(server, address, files=None):
    """Fills an empty account; returns what the server would not take: folders'
    levels, and bodies. files: where its Maildir can be written, or None."""
    refused = []
    with Wire(server.imap, address, PASSWORD) as session:
        prefix = session.prefix()
        separator = session.folders()[0][1]
        there = {("INBOX",)}
        for path, subscribed in FOLDERS:
            if _create(session, files, prefix, separator, path, subscribed):
                there.add(path)
            else:
                refused.append(path)
        for message in messages():
            path, body = message[:2]
            if path not in there:
                continue
            name = b"INBOX" if path == ("INBOX",) else prefix + \
                separator.join(encode_utf7(level) for level in path)
            if not _store(session, files, name, message):
                refused.append(body)
    return refused
