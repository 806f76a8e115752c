# SPDX-License-Identifier: BSD-2-Clause
"""A private Postfix on loopback, its own queue and configuration."""

import grp
import json
import os
import pwd
import shutil
import signal

from scratch import answers, run, wait_for

RELOAD = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..",
                                      "contrib", "postfix", "reload"))
MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.net
myorigin = $myhostname
mydestination =
mynetworks = 127.0.0.1/32
inet_interfaces = loopback-only
inet_protocols = ipv4
relay_domains = {domain}
recipient_delimiter = +
{aliases}
default_transport = {elsewhere}
relay_transport = retry:4.3.0 no transport
local_transport = error:none
alias_maps =
alias_database =
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_delay_reject = yes
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
service_throttle_time = 1s
maillog_file = {maillog}
maillog_file_prefixes = /
minimal_backoff_time = 300s
queue_run_delay = 300s
defer_transports = rehome-park
lmtp_destination_recipient_limit = 1
debug_peer_list =
{extra}
"""

MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
rehome-park unix - - n - - smtp
showq unix n - n - - showq
tlsmgr unix - - n 1000? 1 tlsmgr
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """With maillog it writes one of its own; without, to syslog. Under reloads
    in close succession postlogd(8) of Postfix 3.7 can block master(8), which is
    to start it, and with it everything."""

    def __init__(self, scratch, auth_socket, domain="example.org",
                 aliases=None, elsewhere="discard:", extra="",
                 maillog=False):
        self.scratch = scratch
        self.directory = scratch.dir("postfix")
        self.etc = scratch.dir("postfix", "etc")
        scratch.dir("postfix", "queue")
        data = scratch.dir("postfix", "data")
        os.chown(data, pwd.getpwnam("postfix").pw_uid,
                 grp.getgrnam("postfix").gr_gid)
        self.smtp = scratch.port()
        for name in ("dynamicmaps.cf", "postfix-files"):
            if os.path.exists("/etc/postfix/" + name):
                shutil.copy("/etc/postfix/" + name, self.etc)
        for name in ("dynamicmaps.cf.d", "postfix-files.d"):
            if os.path.isdir("/etc/postfix/" + name):
                shutil.copytree("/etc/postfix/" + name,
                                os.path.join(self.etc, name))
        inline = ""
        if aliases:
            inline = "virtual_alias_domains = %s\nvirtual_alias_maps = " % (
                " ".join({alias.split("@")[1] for alias in aliases}))
            inline += "inline:{ %s }" % ", ".join(
                "{ %s = %s }" % pair for pair in aliases.items())
        scratch.file("postfix", "etc", "main.cf", text=MAIN.format(
            directory=self.directory, domain=domain, aliases=inline,
            auth=auth_socket, elsewhere=elsewhere, extra=extra,
            maillog=self.directory + "/maillog" if maillog else ""))
        scratch.file("postfix", "etc", "master.cf",
                     text=MASTER.format(smtp=self.smtp))

    def command(self, *arguments, check=True):
        return run(["postfix", "-c", self.etc, *arguments], check=check)

    def start(self):
        self.scratch.daemonize("postfix", ["postfix", "-c", self.etc, "start"])
        self.scratch.undo.append(self.stop)
        wait_for(lambda: answers(self.smtp), 15, "Postfix to answer")

    def stop(self):
        self.command("stop", check=False)

    def reload_command(self):
        return self.scratch.file(
            "postfix", "reload", mode=0o755,
            text="#!/bin/sh\nexec %s %s\n" % (RELOAD, self.etc))

    def sendmail(self, sender, recipient, message):
        """Hands a message to sendmail(1) as a local program does."""
        run(["sendmail", "-C", self.etc, "-i", "-f", sender, recipient],
            input=message)

    def queue(self):
        """The entries of postqueue -j."""
        lines = run(["postqueue", "-c", self.etc, "-j"]).splitlines()
        return [json.loads(line) for line in lines if line.strip()]

    def waiting(self):
        """The entries that still have a recipient. What a reload overtook at the
        end of its delivery stays in incoming for a minute, with none left."""
        return [entry for entry in self.queue() if entry["recipients"]]

    def flush(self):
        run(["postqueue", "-c", self.etc, "-f"])

    def kill(self, service):
        """Ends the processes of a service with SIGKILL; returns how many."""
        with open(os.path.join(self.directory, "queue", "pid", "master.pid"),
                  encoding="ascii") as pid:
            master = pid.read().strip()
        killed = 0
        for child in run(["ps", "-o", "pid=,comm=", "--ppid", master],
                         check=False).splitlines():
            number, name = child.split()
            if name == service:
                try:
                    os.kill(int(number), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass  # it has just ended by itself
        return killed

    def maillog(self):
        path = os.path.join(self.directory, "maillog")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read()
