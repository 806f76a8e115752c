# SPDX-License-Identifier: BSD-2-Clause
"""A private Dovecot on loopback: IMAP, LMTP, SASL for Postfix, master user."""

import grp
import os
import pwd

from scratch import answers, run, wait_for

PASSWORD = "pw"
MASTER = "migrator"
MASTER_PASSWORD = "master-pw"
DOVEADM_PASSWORD = "doveadm-pw"
HOOKS = os.path.abspath(os.path.join(os.path.dirname(__file__),
                                     "..", "..", "contrib", "dovecot"))

CONFIGURATION = """
instance_name = {name}
base_dir = {run}
state_dir = {state}
log_path = {directory}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{directory}/cert.pem
ssl_key = <{directory}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_format = %Lu
auth_master_user_separator =
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/masters
  master = yes
}}
passdb {{
  driver = dict
  args = {directory}/deny.conf
  deny = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users
}}
userdb {{
  driver = passwd-file
  args = {directory}/users
  default_fields = uid={uid} gid={gid} home={mail}/%u
}}
first_valid_uid = 1
mail_location = {format}:~/{format}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
}}
mail_max_userip_connections = 1000
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service imap {{
  process_limit = 500
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
# A locked-out reader and the copier come from one address here: no penalty.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {directory}/auth-client {{
    mode = 0666
  }}
}}
{extra}
"""

# What the copier tells the server of UIDs by; a client needs the password.
DOVEADM = """
doveadm_password = {password}
service doveadm {{
  process_min_avail = 1
  inet_listener {{
    port = {port}
  }}
}}
"""

POP3 = """
protocols = imap lmtp pop3
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""

DENY = """
uri = fs:posix:prefix=%s/deny/
iterate_disable = yes
key passdb {
  key = %%s/%%u
  format = json
}
passdb_objects = passdb
"""


class Dovecot:
    """One mail system of the laboratory. Users are ADDRESS with PASSWORD."""

    def __init__(self, scratch, name, mail_format="maildir", separator="/",
                 prefix="", extra="", doveadm=False, pop3=False):
        self.name = name
        self.scratch = scratch
        self.imap, self.imaps, self.lmtp = (scratch.port() for _ in range(3))
        self.doveadm = self.pop3 = None
        if doveadm:
            self.doveadm = scratch.port()
            extra += DOVEADM.format(port=self.doveadm,
                                    password=DOVEADM_PASSWORD)
        if pop3:
            self.pop3 = scratch.port()
            extra += POP3.format(port=self.pop3)
        self.deliver = "lmtp:inet:127.0.0.1:%d" % self.lmtp
        self.directory = scratch.dir(name)
        self.mail = scratch.dir(name, "mail", mode=0o777)
        self.certificate = os.path.join(self.directory, "cert.pem")
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
             os.path.join(self.directory, "key.pem"), "-out",
             self.certificate])
        nobody = pwd.getpwnam("nobody")
        self.config = scratch.file(
            name, "dovecot.conf", text=CONFIGURATION.format(
                name=name, directory=self.directory, mail=self.mail,
                run=scratch.dir(name, "run"),
                state=scratch.dir(name, "state"), imap=self.imap,
                imaps=self.imaps, lmtp=self.lmtp, format=mail_format,
                separator=separator, prefix=prefix, extra=extra,
                uid=nobody.pw_uid, gid=grp.getgrgid(nobody.pw_gid).gr_gid))
        scratch.file(name, "users", text="")
        scratch.file(name, "deny.conf", text=DENY % self.directory)
        scratch.dir(name, "deny")
        scratch.file(name, "masters",
                     text="%s:%s\n" % (MASTER, MASTER_PASSWORD))
        self.hooks = self._write_hooks()

    def _write_hooks(self):
        """The hooks of contrib/dovecot, told where this instance is."""
        settings = self.scratch.file(
            self.name, "hooks.conf", text=(
                "DOVECOT_CONFIG=%s\nUSERS_FILE=%s/users\nDENY_DIRECTORY=%s/deny\n"
                "NEW_USER_FIELDS='{PLAIN}%s::::::'\n"
                % (self.config, self.directory, self.directory, PASSWORD)))
        hooks = {}
        for hook in ("lock", "unlock", "provision"):
            hooks[hook] = self.scratch.file(
                self.name, "hook-" + hook, mode=0o755,
                text="#!/bin/sh\nREHOME_DOVECOT_SETTINGS=%s\n"
                     "export REHOME_DOVECOT_SETTINGS\nexec %s/%s\n"
                     % (settings, HOOKS, hook))
        return hooks

    def add_user(self, address):
        with open(os.path.join(self.directory, "users"), "a",
                  encoding="utf-8") as users:
            users.write("%s:{PLAIN}%s::::::\n" % (address, PASSWORD))

    def maildir(self, address):
        """Where the mail of a user is, in the format of that name."""
        return os.path.join(self.mail, address, "maildir")

    def start(self):
        self.scratch.daemonize(self.name, ["dovecot", "-c", self.config])
        self.scratch.undo.append(self.stop)
        wait_for(lambda: answers(self.imap) and answers(self.lmtp), 10,
                 self.name + " to answer")

    def stop(self):
        if not os.path.exists(os.path.join(self.directory, "run",
                                           "master.pid")):
            return
        run(["doveadm", "-c", self.config, "stop"], check=False)
        wait_for(lambda: not answers(self.imap), 10, self.name + " to end")

    def system_section(self):
        """Its section of rehome.conf."""
        secret = self.scratch.file(self.name, "master-password",
                                   text=MASTER_PASSWORD + "\n", mode=0o600)
        more = ""
        if self.doveadm:
            password = self.scratch.file(
                self.name, "doveadm-password", text=DOVEADM_PASSWORD + "\n",
                mode=0o600)
            more += ('    doveadm = "inet:127.0.0.1:%d"\n'
                     '    doveadm_password_file = "%s"\n'
                     % (self.doveadm, password))
        if self.pop3:
            more += '    pop3 = "pop3://127.0.0.1:%d"\n' % self.pop3
        return """
system "%s" {
    imap = "imap://127.0.0.1:%d"
    deliver = "%s"
    lmtp = "lmtp://127.0.0.1:%d"
    master = "%s"
    master_password_file = "%s"
    lock = "%s"
    unlock = "%s"
    provision = "%s"
%s}
""" % (self.name, self.imap, self.deliver, self.lmtp, MASTER, secret,
       self.hooks["lock"], self.hooks["unlock"], self.hooks["provision"],
       more)
