# SPDX-License-Identifier: BSD-2-Clause
"""A whole site: an old and a new Dovecot behind Postfix, with rehome wired to
it in one of the documented ways."""

import os

from dovecot import Dovecot
from gateway import Gateway
from postfix import Postfix
from rehome import Rehome

DOMAIN = "example.org"


def postfix_settings(directory, policy, milter, maps, listener=None):
    """main.cf lines of the wiring; directory is where rehome's sockets are,
    listener the port of the delivery listener."""
    lines = []
    if policy:
        lines += [
            "rehome_domains = check_policy_service unix:%s/policy" % directory,
            "smtpd_restriction_classes = rehome_domains",
            "smtpd_recipient_restrictions = check_recipient_access "
            "inline:{ { %s = rehome_domains } }" % DOMAIN]
    if milter:
        lines += ["smtpd_milters = unix:%s/milter" % directory,
                  "non_smtpd_milters = unix:%s/milter" % directory,
                  "milter_default_action = tempfail"]
    if listener:
        lines += ["transport_maps = inline:{ { %s = lmtp:inet:127.0.0.1:%d } }"
                  % (DOMAIN, listener),
                  "lmtp_destination_recipient_limit = 50"]
    elif maps == "hash":
        lines.append("transport_maps = hash:%s/maps/moving, "
                     "hash:%s/maps/homes" % (directory, directory))
    else:
        lines.append("transport_maps = socketmap:unix:%s/socketmap:transport"
                     % directory)
    return "\n".join(lines)


class Site:
    """maps: "hash", "socketmap", or "listener": the gateway delivers; then
    gateway are arguments of its Gateway, policyd further rows."""

    def __init__(self, scratch, build, policy=True, milter=True, maps="hash",
                 aliases=None, old=None, new=None, postfix_extra="",
                 gateway=None, policyd=None, **settings):
        self.scratch = scratch
        self.milter = milter
        self.old = old or Dovecot(scratch, "old")
        self.new = new or Dovecot(scratch, "new")
        directory = os.path.join(scratch.path, "rehome")
        self.gateway = None
        if maps == "listener":
            self.gateway = Gateway(scratch, self.old, **dict(
                {"protocols": ("lmtp",), "forms": ("none",)},
                **(gateway or {})))
            settings = dict(self.gateway.settings(**(policyd or {})),
                            reload="", queue_barrier="no", **settings)
        self.postfix = Postfix(
            scratch, os.path.join(self.old.directory, "auth-client"),
            domain=DOMAIN, aliases=aliases,
            extra=postfix_settings(
                directory, policy, milter, maps,
                self.gateway and self.gateway.first_port("lmtp")) + "\n"
            + postfix_extra)
        if maps != "hash":
            settings.setdefault("maps", "")
        self.rehome = Rehome(scratch, build, (self.old, self.new),
                             self.postfix, **settings)

    def start(self, addresses):
        self.old.start()
        self.new.start()
        for address in addresses:
            self.old.add_user(address)
        self.rehome.start_policyd()
        if self.milter:
            self.rehome.start_milter()
        if self.gateway:
            self.gateway.start(self.rehome)
        self.postfix.start()
        for address in addresses:
            self.rehome.ctl("add", address, "--source", "old",
                            "--destination", "new")
