# SPDX-License-Identifier: BSD-2-Clause
"""A policyd with two accounts, gateways and workers of words alone."""

import signal

import tap
from control import Control, Refused, Worker
from gateway_double import GatewayDouble
from rehome import Rehome
from scratch import wait_for

ANN, BOB = "ann@example.org", "bob@example.org"
LEASE = 3  # seconds


class System:
    def __init__(self, name):
        self.name = name

    def system_section(self):
        return ('system "%s" { imap = "imap://127.0.0.1:1"\n'
                '    deliver = "smtp:[127.0.0.1]:1" user = "%%n" }\n'
                % self.name)


class Bench:
    """A policyd with two accounts, and what talks to it."""

    def __init__(self, scratch, wait="15s", mode="0660", **settings):
        self.scratch = scratch
        self.directory = scratch.dir("rehome")
        self.socket = self.directory + "/gateway"
        more = ('gateway = "unix:%s" gateway_lease = "%ds" '
                'gateway_close = "1s" gateway_hold = "4s" '
                'gateway_idle = "2s" login_domain = "example.org" '
                'gateway_wait = "%s" control_mode = "%s"'
                % (self.socket, LEASE, wait, mode))
        self.rehome = Rehome(scratch, tap.build_directory(),
                             [System("old"), System("new")], lease="20s",
                             policyd_more=more, **settings)
        self.start()
        for address in (ANN, BOB):
            self.control.call("account-add", address=address, source="old",
                              destination="new")

    def start(self):
        self.rehome.start_policyd()
        self.control = Control(self.directory + "/control")

    def kill(self):
        self.scratch.stop("policyd", signal.SIGKILL)

    def gateway(self, *arguments, **options):
        return GatewayDouble(self.socket, *arguments, **options)

    def ready(self, address=ANN, **request):
        """A worker whose account may be frozen."""
        self.control.call("move", address=address, **request)
        worker = Worker(self.control, address)
        worker.to_ready()
        return worker

    def frozen(self, address=ANN):
        worker = self.ready(address)
        worker.enter("frozen")
        return worker

    def again(self, worker):
        """The worker, by a new connection."""
        worker.control = self.control
        return worker

    def phase(self, address=ANN):
        return self.control.call("account-get", address=address)["phase"]


def until_waiting(worker, what, seconds=5):
    wait_for(lambda: worker.waiting() == what, seconds,
             "the barrier to wait for %s" % what, 0.05)


def refused(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except Refused as reason:
        return str(reason)
    raise AssertionError("was not refused")
