# SPDX-License-Identifier: BSD-2-Clause
"""Accounts to be copied, written as Maildirs: the same ones for the same seed.

    small  20,000 messages of 2 to 6 KB in 20 folders
    mixed   5,000 messages of all sizes in 28 folders, 1 in 50 a duplicate
    large      20 messages of 25 MB in 4 folders
"""

import os
import random

FLAGS = ("", "S", "RS", "FS", "S", "DS", "")
WORDS = [bytes(word, "ascii") for word in (
    "the move of all this mail is under way and nothing of it is lost while "
    "people read what they have and write what they like to whom they like "
    "2026 invoice meeting draft answer question table window server").split()]


def text(rng, size):
    """Lines of words, about so many octets."""
    block = []
    length = 0
    while length < min(size, 65536):
        line = b" ".join(rng.choices(WORDS, k=12))
        block.append(line)
        length += len(line) + 2
    whole = b"\n".join(block)
    return (whole * (size // max(1, len(whole)) + 1))[:size] + b"\n"


def message(rng, number, size):
    return (b"From: ann%d@example.org\nTo: bob@example.org\n"
            b"Subject: message %d\nMessage-ID: <%d.%d@example.org>\n"
            b"Date: Thu, %d Jan 2015 10:00:00 +0000\n"
            b"MIME-Version: 1.0\nContent-Type: text/plain\n\n"
            % (number % 97, number, number, rng.getrandbits(40),
               number % 28 + 1)) + text(rng, size)


class Maildir:
    def __init__(self, path, owner):
        self.path, self.owner, self.count = path, owner, 0
        self.size = 0

    def folder(self, name):
        """Where its messages go; "" is the INBOX."""
        where = os.path.join(self.path, "." + name) if name else self.path
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(where, part), exist_ok=True)
        return os.path.join(where, "cur")

    def add(self, folder, body, flags, when):
        self.count += 1
        name = "%d.M%dP1.bench,S=%d,W=%d:2,%s" % (
            when, self.count, len(body), len(body) + body.count(b"\n"), flags)
        path = os.path.join(folder, name)
        with open(path, "wb") as out:
            out.write(body)
        os.utime(path, (when, when))
        self.size += len(body)

    def finish(self):
        for where, _, names in os.walk(self.path):
            os.chown(where, *self.owner)
            for name in names:
                os.chown(os.path.join(where, name), *self.owner)


def sizes_of(corpus, rng, messages):
    for _ in range(messages):
        if corpus == "small":
            yield rng.randint(1800, 5700)
        elif corpus == "large":
            yield 25 << 20
        else:
            yield min(int(rng.lognormvariate(9, 2)), 20 << 20)


CORPORA = {"small": (20000, 20), "mixed": (5000, 28), "large": (20, 4)}


def write(corpus, path, owner, scale=1.0, seed=1):
    """Writes the account; returns its messages and octets."""
    rng = random.Random("%s %d" % (corpus, seed))
    messages, folders = CORPORA[corpus]
    messages = max(folders, int(messages * scale))
    maildir = Maildir(path, owner)
    where = [maildir.folder("Folder%02d" % number if number else "")
             for number in range(folders)]
    last = b""
    for number, size in enumerate(sizes_of(corpus, rng, messages)):
        body = message(rng, number, size)
        if corpus == "mixed" and number % 50 == 49:
            body = last
        last = body
        maildir.add(where[number % folders], body,
                    FLAGS[number % len(FLAGS)], 1420000000 + number * 60)
    maildir.finish()
    return maildir.count, maildir.size
