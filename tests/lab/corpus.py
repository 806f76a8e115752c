# SPDX-License-Identifier: BSD-2-Clause
"""Mail of realistic kinds to fill an account with before its move."""

import imaplib
import random

from dovecot import PASSWORD

FOLDERS = ("INBOX", "Sent", "Archive/2024", "Archive/2025", "Trash",
           "Projekt &AOQ- B")
FLAGS = ("", "\\Seen", "\\Seen \\Answered", "\\Flagged", "\\Seen $Forwarded",
         "\\Seen \\Flagged projectX")
WORDS = ("invoice meeting report please find attached regards schedule "
         "server quota budget review Grüße réunion").split()


def _text(chance, size):
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(" ".join(chance.choices(WORDS, k=9)))
    return "\r\n".join(lines)


def _plain(chance):
    return "Content-Type: text/plain; charset=utf-8\r\n\r\n" + _text(
        chance, chance.randint(200, 4000))


def _attachment(chance):
    body = "\r\n".join("%076x" % chance.getrandbits(300)
                       for _ in range(chance.randint(100, 1500)))
    return ('Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n'
            "--=_b\r\nContent-Type: text/plain\r\n\r\nsee attachment\r\n"
            "--=_b\r\nContent-Type: application/octet-stream\r\n\r\n"
            + body + "\r\n--=_b--\r\n")


def _odd(chance):
    return chance.choice([
        "\r\n", "\r\nFrom here on\r\n.\r\n..\r\n", "\r\n" + "x" * 30000,
        "Subject: again\r\n\r\nno end of line",
        "\r\n* 1 FETCH (BODY[] {5}\r\nA1 OK done\r\n)\r\n"])


def messages(seed, count):
    """(folder, flags, date, bytes) with numbers that the ledger can find."""
    chance = random.Random(seed)
    for index in range(count):
        number = "s%s-%05d" % (seed, index)
        kind = chance.choices((_plain, _attachment, _odd), (14, 4, 2))[0]
        text = ("From: <friend%d@example.com>\r\nTo: <me@example.org>\r\n"
                "Subject: %s\r\nX-Ledger: %s\r\n%s"
                % (chance.randint(1, 40), chance.choice(WORDS), number,
                   kind(chance)))
        date = '"%2d-%s-20%02d %02d:%02d:%02d %s"' % (
            chance.randint(1, 28), chance.choice(["Jan", "Jun", "Nov"]),
            chance.randint(10, 25), chance.randint(0, 23),
            chance.randint(0, 59), chance.randint(0, 59),
            chance.choice(["+0000", "+0200", "-0330"]))
        yield (chance.choices(FOLDERS, (8, 4, 2, 2, 1, 1))[0],
               chance.choice(FLAGS), date, text.encode())


def fill(home, address, seed, count):
    """Returns the numbers stored."""
    session = imaplib.IMAP4("127.0.0.1", home.imap)
    session.login(address, PASSWORD)
    for folder in FOLDERS[1:]:
        session.create('"%s"' % folder)
        session.subscribe('"%s"' % folder)
    for folder, flags, date, body in messages(seed, count):
        answer = session.append('"%s"' % folder, "(%s)" % flags, date, body)
        if answer[0] != "OK":
            raise RuntimeError("filling %s: %s" % (address, answer))
    session.logout()
    return {"s%s-%05d" % (seed, index) for index in range(count)}
