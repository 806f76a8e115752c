# SPDX-License-Identifier: BSD-2-Clause
"""Login gateways to measure, all before the same server: ours, and those in
wide use that are installed. Each has a port in clear text and one by TLS."""

import os
import resource
import socket

from scratch import answers, run, wait_for
from serve_site import ask, have

NOFILE = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
CLIENTS = min(NOFILE // 2 - 100, 10000)

REHOME = """
policyd {{
    control = "unix:{directory}/control"
    policy = "unix:{directory}/policy"
    store = "bdb:{directory}/store"
    gateway = "unix:{directory}/gateway"
    user = ""
    group = ""
}}
queue {{
    list = ""
    flush = ""
}}
log {{
    facility = "stderr"
    level = "warning"
}}
gateway {{
    name = "gw.example.org"
    policyd = "unix:{directory}/gateway"
    user = ""
    group = ""
    threads = {threads}
}}
listen "clear" {{
    protocol = "imap"
    address = "inet:127.0.0.1:{clear}"
    tls = "none"
    plaintext = yes
}}
listen "tls" {{
    protocol = "imap"
    address = "inet:127.0.0.1:{tls}"
    tls = "implicit"
    certificate = "{certificate}"
    key = "{key}"
}}
listen "lmtp" {{
    protocol = "lmtp"
    address = "inet:127.0.0.1:{lmtp}"
    tls = "none"
    plaintext = yes
}}
system "old" {{
    imap = "imap://127.0.0.1:{home}"
    lmtp = "lmtp://127.0.0.1:{home_lmtp}"
    deliver = "lmtp:inet:127.0.0.1:{home_lmtp}"
}}
domain "example.org" {{
    default = "old"
    complete = no
}}
"""

NGINX_AUTH = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {nofile};
pid {directory}/auth.pid;
error_log {directory}/auth.log warn;
events {{ worker_connections {clients}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4;
  scgi_temp_path {directory}/t5;
  server {{
    listen 127.0.0.1:{auth} backlog=4096;
    location / {{
      add_header Auth-Status OK;
      add_header Auth-Server 127.0.0.1;
      add_header Auth-Port {home};
      return 200;
    }}
  }}
}}
"""
NGINX = """
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
worker_processes {threads};
worker_rlimit_nofile {nofile};
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections {connections}; }}
mail {{
  server_name gw.example.org;
  timeout 30m;
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  ssl_session_cache none;
  imap_capabilities IMAP4rev1 IDLE LITERAL+;
  auth_http 127.0.0.1:{auth}/;
  server {{ listen 127.0.0.1:{clear} backlog=4096; protocol imap; }}
  server {{ listen 127.0.0.1:{tls} ssl backlog=4096; protocol imap; }}
}}
"""

# In its performance mode: a login process serves many.
DOVECOT = """
base_dir = {directory}/run
state_dir = {directory}/state
instance_name = bench-proxy
log_path = {directory}/dovecot.log
info_log_path = /dev/null
verbose_proctitle = no
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
default_client_limit = {nofile}
default_vsz_limit = 4G
mail_max_userip_connections = 0
service anvil {{
  client_limit = {nofile}
}}
service stats {{
  client_limit = {nofile}
}}
service auth {{
  client_limit = {nofile}
}}
passdb {{
  driver = static
  args = proxy=y host=127.0.0.1 port={home} nopassword=y
}}
service imap-login {{
  service_count = 0
  process_min_avail = {threads}
  process_limit = {threads}
  client_limit = {clients}
  inet_listener imap {{
    port = {clear}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
"""


def children_of(pid):
    """The process and all below it."""
    found = [pid]
    for parent in found:
        try:
            tasks = os.listdir("/proc/%d/task" % parent)
        except OSError:
            continue
        for task in tasks:
            path = "/proc/%d/task/%s/children" % (parent, task)
            try:
                with open(path, encoding="ascii") as children:
                    found.extend(map(int, children.read().split()))
            except OSError:
                pass
    return found


def proportional(pids):
    """Bytes that the processes take, what they share counted once."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid,
                      encoding="ascii") as rollup:
                total += next(int(line.split()[1]) for line in rollup
                              if line.startswith("Pss:")) * 1024
        except OSError:
            pass
    return total


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Peers:
    """name -> {clear, tls: ports; names: of its processes}."""

    def __init__(self, scratch, build, threads):
        self.scratch = scratch
        self.build = build
        self.threads = threads
        self.gateways = {}
        self.missing = []
        self.home, self.home_lmtp = scratch.port(), scratch.port()
        self.certificate = os.path.join(scratch.path, "cert.pem")
        self.key = os.path.join(scratch.path, "key.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", "/CN=localhost", "-keyout", self.key, "-out",
             self.certificate])
        for protocol, port in (("imap", self.home), ("lmtp", self.home_lmtp)):
            scratch.spawn("home-" + protocol, [
                self.program("tests", "bench", "mail-home"), protocol,
                str(port)])
            wait_for(lambda port=port: answers(port), 10, "the home")

    def program(self, *parts):
        return os.path.join(self.build, *parts)

    def fields(self, name):
        """What all configurations are made of."""
        return {"directory": self.scratch.dir(name), "home": self.home,
                "home_lmtp": self.home_lmtp, "clear": self.scratch.port(),
                "tls": self.scratch.port(), "lmtp": self.scratch.port(),
                "auth": self.scratch.port(), "certificate": self.certificate,
                "key": self.key, "threads": self.threads, "nofile": NOFILE,
                "clients": CLIENTS, "connections": 2 * CLIENTS}

    def add(self, name, fields, processes, more=()):
        """processes: what counts as the gateway; more: what it needs."""
        wait_for(lambda: answers(fields["clear"]) and answers(fields["tls"]),
                 20, name)
        self.gateways[name] = dict(fields, processes=processes,
                                   all=[*processes, *more])

    def start(self, name):
        getattr(self, "start_" + name)()

    def restart(self, name):
        """What it took for others is given back."""
        for process in self.gateways.pop(name)["all"]:
            self.scratch.stop(process, seconds=60)
        self.start(name)

    def start_rehome(self):
        fields = self.fields("rehome")
        config = self.scratch.file("rehome", "rehome.conf",
                                   text=REHOME.format(**fields))
        for program in ("policyd", "gateway"):
            self.scratch.spawn(program, [
                self.program(program, "rehome-" + program), "-c", config])
        wait_for(lambda: ask(os.path.join(fields["directory"], "control"),
                             request="ping") is not None, 20, "policyd")
        self.add("rehome", fields, ["gateway", "policyd"])
        wait_for(lambda: self.logs_in(fields["clear"]), 40,
                 "a login through the gateway", 0.1)

    def start_nginx(self):
        if have("nginx") is None:
            self.missing.append("nginx")
            return
        fields = self.fields("nginx")
        for name, text in (("auth", NGINX_AUTH), ("nginx", NGINX)):
            config = self.scratch.file("nginx", name + ".conf",
                                       text=text.format(**fields))
            self.scratch.spawn("nginx-" + name, [
                have("nginx"), "-p", fields["directory"], "-c", config])
        self.add("nginx", fields, ["nginx-nginx"], ["nginx-auth"])

    def start_dovecot(self):
        if have("dovecot") is None:
            self.missing.append("dovecot")
            return
        fields = self.fields("dovecot")
        config = self.scratch.file("dovecot", "dovecot.conf",
                                   text=DOVECOT.format(**fields))
        self.scratch.spawn("dovecot", [have("dovecot"), "-F", "-c", config])
        self.add("dovecot", fields, ["dovecot"])

    def start_perdition(self):
        program = have("perdition.imap4")
        if program is None:
            self.missing.append("perdition")
            return
        fields = self.fields("perdition")
        common = ["--no_daemon", "--pid_file", "", "-f", "/dev/null", "-b",
                  "127.0.0.1", "-s", "127.0.0.1", "-p", str(self.home), "-n",
                  "-u", "nobody", "-g", "nogroup", "--timeout", "1800"]
        self.scratch.spawn("perdition", [
            program, *common, "-l", str(fields["clear"])])
        self.scratch.spawn("perdition-tls", [
            have("perdition.imap4s"), *common, "-l", str(fields["tls"]),
            "--ssl_mode", "ssl_listen", "--ssl_cert_file", self.certificate,
            "--ssl_key_file", self.key, "--ssl_no_cert_verify"])
        self.add("perdition", fields, ["perdition", "perdition-tls"])

    @staticmethod
    def logs_in(port):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.settimeout(5)
                client.recv(4096)
                client.sendall(b"a LOGIN user0000001@example.org secret\r\n")
                return b"a OK" in client.recv(4096)
        except OSError:
            return False

    def pids(self, name):
        return [pid for process in self.gateways[name]["processes"]
                for pid in children_of(self.scratch.children[process].pid)]
