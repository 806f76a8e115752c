# SPDX-License-Identifier: BSD-2-Clause
"""A scratch directory, free ports and child processes of one laboratory run."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def wait_for(condition, seconds, what, interval=0.02):
    """Returns the first true result of condition; fails loudly in the end."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError("after %g s still waiting for %s"
                               % (seconds, what))
        time.sleep(interval)


def answers(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def answers_at(path):
    """The same of a UNIX socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
            return True
        except OSError:
            return False


PORTS = os.path.join(tempfile.gettempdir(), "rehome-lab-ports")
_claims = []


class Scratch:
    """Everything that a run writes or starts, so that it can be undone."""

    def __init__(self, name="rehome-lab"):
        self.path = tempfile.mkdtemp(prefix=name + ".")
        os.chmod(self.path, 0o755)
        self.children = {}
        self.endings = {}
        self.undo = []
        self._next_port = 20000 + (os.getpid() * 37) % 9000

    def dir(self, *parts, mode=0o755):
        path = os.path.join(self.path, *parts)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        return path

    def file(self, *parts, text, mode=0o644):
        path = os.path.join(self.path, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def port(self):
        """A free port, ours until this process ends: a server that is down for
        a moment does not lose it to a test that runs beside this one."""
        os.makedirs(PORTS, exist_ok=True)
        while True:
            self._next_port += 1
            claim = open(os.path.join(PORTS, str(self._next_port)), "w",
                         encoding="ascii")
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", self._next_port))
            except OSError:
                claim.close()
                continue
            _claims.append(claim)
            return self._next_port

    def spawn(self, name, argv, env=None, how=signal.SIGTERM):
        """Starts a child that logs to NAME.log; a new one replaces the old.
        It is ended by the signal `how`."""
        with open(os.path.join(self.path, name + ".log"), "ab") as log:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, **(env or {})), start_new_session=True)
        self.children[name] = child
        self.endings[name] = how
        return child

    def daemonize(self, name, argv):
        """Runs a command that leaves a daemon behind; both log to NAME.log."""
        with open(os.path.join(self.path, name + ".log"), "ab") as log:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, timeout=60, check=True)

    def stop(self, name, how=None, seconds=15):
        child = self.children.pop(name, None)
        if child is None or child.poll() is not None:
            return
        child.send_signal(how or self.endings[name])
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise RuntimeError("%s did not end within %d s" % (name, seconds))

    def log(self, name):
        path = os.path.join(self.path, name + ".log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def close(self, keep=False):
        for name in reversed(list(self.children)):
            try:
                self.stop(name)
            except RuntimeError:
                pass
        for action in reversed(self.undo):
            action()
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close(keep=bool(os.environ.get("LAB_KEEP")))


def run(argv, check=True, timeout=60, **options):
    """Runs a command to its end and returns its standard output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout,
                          **options)
    if check and done.returncode != 0:
        raise RuntimeError("%s exited with %d: %s%s" % (
            " ".join(map(str, argv)), done.returncode, done.stdout,
            done.stderr))
    return done.stdout
