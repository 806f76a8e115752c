# SPDX-License-Identifier: BSD-2-Clause
"""A login gateway that only talks with policyd: rehome-gateway-protocol(7)."""

import os
import time

from control import Messages


class GatewayDouble(Messages):
    """Says hello, and with ready also that nothing is under way."""

    def __init__(self, path, name="double/0", instance="a", ready=True):
        super().__init__(path)
        self.send(request="hello", name=name, instance=instance)
        self.terms = self.receive()
        if self.terms is None or self.terms["status"] != "ok":
            raise RuntimeError("hello: %s" % self.terms)
        self.ids = 0
        if ready:
            self.ready()

    def ready(self):
        self.send(request="ready")

    def tell(self, session, address, system, protocol="imap"):
        self.send(request="session", session=session, address=address,
                  protocol=protocol, system=system,
                  since=int(time.time() * 1000), client="192.0.2.1")

    def ask(self, session, login, protocol="imap", **more):
        """Asks for a route; returns its id."""
        self.ids += 1
        self.send(request="route", id=self.ids, session=session, login=login,
                  protocol=protocol, client="192.0.2.1", **more)
        return str(self.ids)

    def route(self, session, login, protocol="imap", **more):
        """The answer."""
        wanted = self.ask(session, login, protocol, **more)
        answer = self.receive()
        assert answer.get("id") == wanted, answer
        return answer

    def login(self, session, outcome="ok", **more):
        self.send(request="login", session=session, outcome=outcome, **more)

    def end(self, session):
        self.send(request="end", session=session)

    def quiet(self, session, ago=0):
        self.send(request="quiet", session=session,
                  since=int((time.time() - ago) * 1000))

    def silent(self, seconds=0.3):
        """Whether policyd says nothing for so long."""
        try:
            return self.receive(seconds) is None
        except TimeoutError:
            return True

    def settled(self):
        """All that was sent is dealt with: a route is answered behind it."""
        self.route(999999999, "nobody@example.org")
        self.end(999999999)


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))
