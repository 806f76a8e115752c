# SPDX-License-Identifier: BSD-2-Clause
"""A login gateway before private homes: listeners of each protocol and TLS form,
and Dovecots that serve all of them."""

import os
import re

from dovecot import Dovecot, MASTER, PASSWORD
from postfix import Postfix
from rehome import Rehome
from scratch import answers, wait_for

PROTOCOLS = ("imap", "pop3", "submission", "sieve")
FORMS = ("none", "start", "implicit")

# POP3, ManageSieve, and mechanisms of every kind; tokens are looked up at
# a server of the test's own.
HOME = """
protocols = imap lmtp pop3 sieve
auth_mechanisms = plain login scram-sha-1 scram-sha-256 {tokens_mechanisms}
login_trusted_networks = {trusted}
imap_id_log = *
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service managesieve-login {{
  service_count = 0
  inet_listener sieve {{
    port = {sieve}
  }}
  inet_listener sieves {{
    port = {sieves}
    ssl = yes
  }}
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
{tokens}
{more}
"""

TOKENS = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/oauth2.conf
}}
"""
TOKENS_FILE = """
introspection_url = http://127.0.0.1:%d/
introspection_mode = post
username_attribute = username
active_attribute = active
active_value = true
"""


class Home(Dovecot):
    """A mail system behind a gateway, which keeps users out by itself: no lock
    hook. tls says how the gateway speaks to it: none, start, implicit."""

    def __init__(self, scratch, name, tls="none", tokens=None, submit=None,
                 client_address="none", more="", options="", **settings):
        self.pop3_port, self.pop3s, self.sieve, self.sieves = (
            scratch.port() for _ in range(4))
        self.tls = tls
        self.submit = submit
        self.client_address = client_address
        self.options = options
        directory = scratch.dir(name)
        extra = HOME.format(
            pop3=self.pop3_port, pop3s=self.pop3s, sieve=self.sieve,
            sieves=self.sieves, more=more,
            trusted="127.0.0.0/8" if client_address != "none" else "",
            tokens_mechanisms="xoauth2 oauthbearer" if tokens else "",
            tokens=TOKENS.format(directory=directory) if tokens else "")
        if tokens:
            scratch.file(name, "oauth2.conf", text=TOKENS_FILE % tokens)
        super().__init__(scratch, name, extra=extra, **settings)

    def urls(self):
        """Of its services, for the gateway."""
        scheme = {"none": "%s://", "start": "%s+starttls://",
                  "implicit": "%ss://"}[self.tls]
        secure = self.tls == "implicit"
        ports = {"imap": self.imaps if secure else self.imap,
                 "pop3": self.pop3s if secure else self.pop3_port,
                 "sieve": self.sieves if secure else self.sieve}
        urls = {name: (scheme % name) + "127.0.0.1:%d" % port
                for name, port in ports.items()}
        if self.submit:
            urls["submit"] = self.submit
        return urls

    def system_section(self):
        section = super().system_section()
        section = re.sub(r"    (lock|unlock|provision|imap|pop3) = .*\n", "", section)
        lines = ["    %s = \"%s\"" % pair for pair in self.urls().items()]
        lines += ["    ca_file = \"%s\"" % self.certificate,
                  "    client_address = \"%s\"" % self.client_address,
                  "    uidl = \"ignore\"",
                  self.options]
        return section.rstrip().rstrip("}") + "\n".join(lines) + "\n}\n"


class Gateway:
    """Of a Rehome that is to have its sections: settings() goes to it."""

    def __init__(self, scratch, certificate_of, protocols=PROTOCOLS,
                 forms=FORMS, options="", listen=""):
        self.scratch = scratch
        self.directory = scratch.dir("rehome")
        self.certificate = certificate_of.certificate
        self.key = os.path.join(certificate_of.directory, "key.pem")
        self.ports = {(protocol, form): scratch.port()
                      for protocol in protocols for form in forms}
        self.options = options
        self.listen = listen

    def settings(self, more="", **policyd):
        """What a Rehome takes of it."""
        rows = "".join('    %s = "%s"\n' % pair for pair in policyd.items())
        sections = ['gateway {\n    name = "gw.example.org"\n'
                    '    policyd = "unix:%s/gateway"\n'
                    '    user = ""\n    group = ""\n    threads = 2\n%s}\n'
                    % (self.directory, self.options)]
        for (protocol, form), port in self.ports.items():
            secret = "" if form == "none" else (
                '    certificate = "%s"\n    key = "%s"\n'
                % (self.certificate, self.key))
            sections.append(
                'listen "%s-%s" {\n    protocol = %s\n'
                '    address = "inet:127.0.0.1:%d"\n    tls = %s\n'
                '    plaintext = %s\n%s%s}\n'
                % (protocol, form, protocol, port, form,
                   "yes" if form == "none" else "no", secret, self.listen))
        return {"policyd_more": '    gateway = "unix:%s/gateway"\n%s'
                                % (self.directory, rows),
                "more": "".join(sections) + more}

    def port(self, protocol, form="none"):
        return self.ports[protocol, form]

    def first_port(self, protocol):
        return next(port for (name, _), port in self.ports.items()
                    if name == protocol)

    def start(self, rehome, env=None):
        self.scratch.spawn("gateway", [
            rehome.program("gateway/rehome-gateway"), "-c", rehome.config],
            env=env)
        wait_for(lambda: all(map(answers, self.ports.values())), 10,
                 "the gateway to answer")

    def log(self):
        return self.scratch.log("gateway")

    def pid(self):
        return self.scratch.children["gateway"].pid


class Front:
    """Two homes, policyd and a gateway; users of the old one."""

    def __init__(self, scratch, build, users, old=None, new=None, options="",
                 protocols=PROTOCOLS, forms=("none",), settings=None,
                 listen="", **policyd):
        self.scratch = scratch
        self.users = users
        self.old = old or Home(scratch, "old")
        self.new = new or Home(scratch, "new")
        self.gateway = Gateway(scratch, self.old, protocols, forms, options,
                               listen)
        values = self.gateway.settings(**policyd)
        values.update(settings or {})
        self.rehome = Rehome(scratch, build, (self.old, self.new), **values)

    def start(self):
        for home in (self.old, self.new):
            home.start()
        for user in self.users:
            self.old.add_user(user)
            self.new.add_user(user)
        self.rehome.start_policyd()
        for user in self.users:
            self.rehome.ctl("add", user, "--source", "old", "--destination",
                            "new")
        self.gateway.start(self.rehome)

    def port(self, protocol, form="none"):
        return self.gateway.port(protocol, form)


def submission_home(scratch, auth_of, extra=""):
    """A Postfix whose users are those of a Dovecot; its URL is in submit."""
    postfix = Postfix(scratch, os.path.join(auth_of.directory, "auth-client"),
                      extra="mynetworks =\nsmtpd_tls_cert_file = %s\n"
                      "smtpd_tls_key_file = %s/key.pem\n"
                      "smtpd_tls_security_level = may\n%s"
                      % (auth_of.certificate, auth_of.directory, extra))
    return postfix


__all__ = ["FORMS", "Front", "Gateway", "Home", "MASTER", "PASSWORD",
           "PROTOCOLS", "submission_home"]
