# SPDX-License-Identifier: BSD-2-Clause
"""What an account holds, read by a client that shares no code with rehome, and
what differs between two accounts."""

import base64
import calendar
import hashlib
import re
from collections import Counter

from wire import Refused, Wire

MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DATE = re.compile(rb"\s*(\d+)-(\w{3})-(\d{4}) (\d+):(\d+):(\d+) "
                  rb"([+-])(\d\d)(\d\d)")


def decode_utf7(name):
    """Modified UTF-7 (RFC 3501, 5.1.3) as text; octets that are none of it
    stay as they are."""
    def shift(match):
        if match.group(1) == b"":
            return b"&"
        data = match.group(1).replace(b",", b"/")
        try:
            return base64.b64decode(
                data + b"=" * (-len(data) % 4)).decode(
                    "utf-16-be").encode("utf-8")
        except ValueError:
            return match.group(0)
    return re.sub(rb"&([A-Za-z0-9+,]*)-", shift, name).decode(
        "utf-8", "surrogateescape")


def encode_utf7(name):
    """Text as modified UTF-7."""
    def shift(match):
        data = base64.b64encode(match.group(0).encode("utf-16-be"))
        return "&" + data.rstrip(b"=").replace(b"/", b",").decode() + "-"
    return re.sub("[^\x20-\x7e]+", shift,
                  name.replace("&", "&-")).encode("ascii")


def parse_date(text):
    """INTERNALDATE as (instant, zone)."""
    day, month, year, hour, minute, second, sign, hours, minutes = \
        DATE.match(text).groups()
    offset = (int(hours) * 60 + int(minutes)) * (60 if sign == b"+" else -60)
    return calendar.timegm((
        int(year), MONTHS.index(month.title()) + 1, int(day), int(hour),
        int(minute), int(second))) - offset, sign + hours + minutes


class Message:
    """One message of a folder."""

    def __init__(self, values):
        self.uid = int(values[b"UID"])
        body = values[b"BODY[]"] or b""
        self.digest = hashlib.sha256(body).hexdigest()
        self.size = len(body)
        self.head = body[:60]
        self.instant, self.zone = parse_date(values[b"INTERNALDATE"])
        self.flags = frozenset(flag.lower() for flag in values[b"FLAGS"]
                               if flag.lower() != b"\\recent")

    def key(self):
        return self.digest, self.instant, self.flags


class Folder:
    """A selectable folder; `messages` in the order of their UIDs."""

    def __init__(self, validity, messages):
        self.validity = validity
        self.messages = messages

    def bag(self):
        return Counter(message.key() for message in self.messages)


class Account:
    """Names are tuples of levels, as text, without the namespace's prefix."""

    def __init__(self):
        self.folders = {}
        self.unselectable = set()
        self.subscribed = set()

    def count(self):
        return sum(len(folder.messages) for folder in self.folders.values())

    def digests(self):
        return Counter(message.digest for folder in self.folders.values()
                       for message in folder.messages)


def levels(name, separator, prefix):
    if name.upper() == b"INBOX":
        return ("INBOX",)
    if prefix and name.startswith(prefix) and name != prefix:
        name = name[len(prefix):]
    parts = name.split(separator) if separator else [name]
    return tuple(decode_utf7(part) for part in parts)


def read_folder(session, name):
    found = session.select(name, write=False)
    messages = []
    if found.get(b"EXISTS"):
        for values in session.fetch(b"(UID FLAGS INTERNALDATE BODY.PEEK[])"):
            messages.append(Message(values))
        if len(messages) != found[b"EXISTS"]:
            raise RuntimeError("%r: %d messages of %d" % (
                name, len(messages), found[b"EXISTS"]))
    return Folder(found.get(b"UIDVALIDITY"), messages)


def read_account(port, user, password, skip=()):
    """Everything below the personal namespace; folders of namespaces whose
    prefix is in `skip` are others'."""
    account = Account()
    with Wire(port, user, password) as session:
        prefix = session.prefix()
        for attributes, separator, name in session.folders():
            if name.startswith(tuple(skip)) if skip else False:
                continue
            path = levels(name, separator, prefix)
            if attributes & {b"\\noselect", b"\\nonexistent"}:
                account.unselectable.add(path)
                continue
            try:
                account.folders[path] = read_folder(session, name)
            except Refused as words:
                raise RuntimeError("%r is listed and cannot be read: %s" % (
                    name, words)) from None
        for attributes, separator, name in session.folders(lsub=True):
            if b"\\noselect" not in attributes:
                account.subscribed.add(levels(name, separator, prefix))
    return account


def _describe(key, messages):
    message = next(m for m in messages if m.key() == key)
    return "uid %d, %d octets, %s, %d %s, (%s): %r" % (
        message.uid, message.size, message.digest[:8], message.instant,
        message.zone.decode(),
        b" ".join(sorted(message.flags)).decode("latin-1"), message.head)


def _sequence(folder, common):
    """The digests in the order of UIDs, of what both sides have once."""
    return [message.digest for message in folder.messages
            if message.digest in common]


def folder_differences(name, old, new, order):
    found = []
    before, after = old.bag(), new.bag()
    for key, count in (before - after).items():
        found.append("%r: %d missing: %s" % (
            name, count, _describe(key, old.messages)))
    for key, count in (after - before).items():
        found.append("%r: %d too many: %s" % (
            name, count, _describe(key, new.messages)))
    if order:
        bags = [Counter(message.digest for message in folder.messages)
                for folder in (old, new)]
        common = {digest for digest, count in bags[0].items()
                  if count == 1 and bags[1][digest] == 1}
        if _sequence(old, common) != _sequence(new, common):
            found.append("%r: the order of the messages differs" % (name,))
    return found


def differences(old, new, rename=None, order=True, parents=True):
    """A list of texts, empty when both accounts hold the same. rename: {name
    at the old side: name at the new one} where they differ. parents: whether
    folders that only hold others must be such at the new side, too (or not be
    there)."""
    rename = rename or {}
    found = []
    wanted = {rename.get(name, name): folder
              for name, folder in old.folders.items()}
    if len(wanted) != len(old.folders):
        found.append("two folders have become one")
    for name in sorted(set(wanted) - set(new.folders)):
        found.append("folder %r is missing" % (name,))
    for name in sorted(set(new.folders) - set(wanted)):
        if name in old.unselectable and not parents:
            if new.folders[name].messages:
                found.append("parent %r holds messages" % (name,))
            continue
        found.append("folder %r is too many" % (name,))
    for name in sorted(set(wanted) & set(new.folders)):
        found += folder_differences(name, wanted[name], new.folders[name],
                                    order)
    subscribed = {rename.get(name, name) for name in old.subscribed}
    if subscribed != new.subscribed:
        found.append("subscriptions: missing %r, too many %r" % (
            sorted(subscribed - new.subscribed),
            sorted(new.subscribed - subscribed)))
    return found


def must_be_equal(old, new, **options):
    found = differences(old, new, **options)
    if found:
        raise AssertionError("the accounts differ:\n" + "\n".join(found[:40]))
