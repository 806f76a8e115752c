# SPDX-License-Identifier: BSD-2-Clause
"""rehome's own programs in the laboratory: policyd, milter, copier, CLI."""

import json
import os
import subprocess

from scratch import answers_at, run, wait_for

CONFIGURATION = """
policyd {{
    control = "unix:{directory}/control"
    policy = "unix:{directory}/policy"
    socketmap = "unix:{directory}/socketmap"
    store = "{store}"
    user = ""
    group = ""
    freeze_budget = "{budget}"
    lease = "{lease}"
    retry_min = "1s"
    retry_max = "5s"
    own_networks = {{ "127.0.0.1/32" }}
    client_timeout = "{client_timeout}"
    {policyd_more}
}}
maps {{
    directory = "{maps}"
    frozen = "{frozen}"
    reload = "{reload}"
    compact = "2s"
}}
queue {{
    list = "{queue_list}"
    flush = "{queue_flush}"
    barrier = {queue_barrier}
}}
milter {{
    socket = "unix:{directory}/milter"
    user = ""
    group = ""
    timeout = "2s"
}}
copier {{
    state = "{directory}/journals"
    user = ""
    group = ""
    jobs = 2
    poll = "200ms"
    settle = "{settle}"
    {copier_more}
}}
log {{
    facility = "stderr"
    level = "{level}"
}}
domain "{domain}" {{
    default = "{default}"
    complete = {complete}
}}
{more}"""


class Rehome:
    """build: the directory in which the programs were built."""

    def __init__(self, scratch, build, systems, postfix=None, **settings):
        self.scratch = scratch
        self.build = build
        self.directory = scratch.dir("rehome")
        scratch.dir("rehome", "journals")
        values = {
            "directory": self.directory, "store": "bdb:%s/store"
            % self.directory, "budget": "20s", "lease": "5s",
            "maps": scratch.dir("rehome", "maps") if postfix else "",
            "frozen": "park",
            "reload": postfix.reload_command() if postfix else "",
            "queue_list": "/usr/sbin/postqueue -c %s -j" % postfix.etc
            if postfix else "",
            "queue_flush": "/usr/sbin/postqueue -c %s -i %%i" % postfix.etc
            if postfix else "",
            "queue_barrier": "yes", "settle": "2s", "client_timeout": "10s", "policyd_more": "",
            "copier_more": "", "more": "",
            "level": "info", "domain": "example.org",
            "default": systems[0].name, "complete": "no"}
        values.update(settings)
        self.settings = values
        self.systems = systems
        self.config = self.write_configuration()

    def write_configuration(self, **changed):
        """rehome.conf, as it was or with settings changed."""
        self.settings.update(changed)
        return self.scratch.file(
            "rehome", "rehome.conf",
            text=CONFIGURATION.format(**self.settings)
            + "".join(system.system_section() for system in self.systems))

    def program(self, name):
        return os.path.join(self.build, name)

    def start_policyd_unwatched(self, env=None):
        self.scratch.spawn("policyd", [
            self.program("policyd/rehome-policyd"), "-c", self.config],
            env=env)

    def start_policyd(self):
        self.start_policyd_unwatched()
        wait_for(self.answers, 20, "policyd to answer")

    def answers(self):
        return self.ctl("status", check=False).returncode == 0

    def start_milter_unwatched(self, env=None):
        self.scratch.spawn("milter", [
            self.program("milter/rehome-milter"), "-c", self.config], env=env)

    def start_milter(self):
        self.start_milter_unwatched()
        wait_for(lambda: answers_at(self.directory + "/milter"), 10,
                 "the milter to answer")

    def start_copier(self, *arguments, env=None):
        self.scratch.spawn("copier", [
            self.program("copier/rehome-copier"), "-c", self.config,
            *(arguments or ("--daemon",))], env=env)

    def batch(self, *arguments, seconds=120, env=None):
        """One cron run: takes due accounts until none is left."""
        return run([self.program("copier/rehome-copier"), "-c", self.config,
                    "--batch", *arguments], timeout=seconds,
                   env=dict(os.environ, **(env or {})))

    def ctl(self, *arguments, check=True):
        done = subprocess.run(
            [self.program("ctl/rehome"), "-c", self.config, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError("rehome %s exited with %d: %s" % (
                " ".join(arguments), done.returncode,
                done.stderr.strip() or done.stdout.strip()))
        return done

    def show(self, address):
        return json.loads(self.ctl("--json", "show", address).stdout)

    def why(self, address):
        return json.loads(self.ctl("--json", "why", address).stdout)

    def wait_phase(self, address, *phases, seconds=60):
        return wait_for(
            lambda: self.show(address)["phase"] in phases
            and self.show(address),
            seconds, "%s to be %s" % (address, " or ".join(phases)), 0.05)
