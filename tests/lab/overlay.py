# SPDX-License-Identifier: BSD-2-Clause
"""Servers whose Debian packages exclude those that are installed here. The
packages are fetched and unpacked beside the machine's files, never installed:
a server runs in a mount namespace of its own, in which they lie over /usr, and
no maintainer script is run."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile

from tap import Skip

CACHE = os.environ.get("REHOME_LAB_CACHE", "/var/cache/rehome-lab")

# $1 the unpacked packages, $2... the command. What it writes to /etc and /run
# is in memory and seen by nobody else. This shell stays: it ends when unshare
# does, while a server that changes its user would no longer be told to.
ENTER = """
set -e
unpacked=$1
shift
mount --make-rprivate /
mount -t overlay overlay -o ro,lowerdir=$unpacked/usr:/usr /usr
mount -t tmpfs tmpfs /mnt
mkdir /mnt/etc /mnt/work
mount -t overlay overlay \
    -o lowerdir=$unpacked/etc:/etc,upperdir=/mnt/etc,workdir=/mnt/work /etc
mount -t tmpfs tmpfs /run
exec 3<&0
"$@" <&3 3<&- &
wait $!
"""


def _apt(*arguments, **options):
    return subprocess.run(["apt-get", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300,
                          env=dict(os.environ, LC_ALL="C"), **options)


def _missing(packages):
    """The lines of apt-get for what `packages` need beyond what is here."""
    done = _apt("-s", "install", "--no-install-recommends", *packages)
    if done.returncode != 0:
        return None, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    return sorted(" ".join(words[1:4]) for words in lines
                  if words[:1] == ["Inst"]
                  and not words[1].endswith("-dev")), done.stdout


def _unpack(names, target):
    """Fetches the packages and lays their files below `target`."""
    os.makedirs(CACHE, mode=0o755, exist_ok=True)
    fetched = tempfile.mkdtemp(prefix="fetch.", dir=CACHE)
    try:
        root = os.path.join(fetched, "root")
        done = _apt("download", *names, cwd=fetched)
        if done.returncode != 0:
            return done.stdout
        for name in sorted(os.listdir(fetched)):
            if name.endswith(".deb"):
                subprocess.run(["dpkg", "-x", os.path.join(fetched, name),
                                root], check=True, timeout=120)
        for top in ("bin", "sbin", "lib", "lib64"):  # they are links here
            path = os.path.join(root, top)
            if os.path.isdir(path):
                shutil.copytree(path, os.path.join(root, "usr", top),
                                symlinks=True, dirs_exist_ok=True)
        os.chmod(root, 0o755)
        os.rename(root, target)
        return None
    finally:
        shutil.rmtree(fetched, ignore_errors=True)


def unpacked(packages):
    """The directory of the unpacked packages; fetches them the first time."""
    if os.geteuid() != 0:
        raise Skip("needs root for a mount namespace")
    if shutil.which("apt-get") is None:
        raise Skip("needs Debian's apt-get to fetch " + packages[0])
    names, said = _missing(packages)
    if names is None:
        _apt("update", "-qq")
        names, said = _missing(packages)
    if names is None:
        raise Skip("apt-get: " + said.strip().splitlines()[-1])
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    target = os.path.join(CACHE, packages[0] + "-" + digest)
    if os.path.isdir(target):
        return target
    os.makedirs(CACHE, mode=0o755, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            words = [name.split()[0] for name in names]
            failure = _unpack(words, target)
            if failure is not None:
                _apt("update", "-qq")
                failure = _unpack(words, target)
            if failure is not None:
                raise Skip("cannot fetch %s: %s" % (
                    packages[0], failure.strip().splitlines()[-1]))
    return target


class Overlay:
    """A server's files over the machine's, for the commands run in it."""

    def __init__(self, packages):
        self.unpacked = unpacked(packages)
        probe = subprocess.run(self.command("true"), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        if probe.returncode != 0:
            raise Skip("no private mount namespace here: "
                       + probe.stdout.strip())

    def command(self, *argv):
        """argv so that it runs in a namespace of its own, which ends with all
        that was started in it as soon as the process is killed."""
        return ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
                "--kill-child", "sh", "-c", ENTER, "overlay", self.unpacked,
                *argv]
