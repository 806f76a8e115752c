/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The skeleton of the daemons: sockets, readiness, signals, privileges. The
 * only file that knows libsystemd; without a service manager its calls do
 * nothing.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* getpwnam_r(3) and getgrnam_r(3) want room; a group may have many members. */
#define DAEMON_ENTRY_MAX (1 << 20)

/* 1 found, 0 there is no such name, -1 it could not be looked up. */
static int daemon_find_group(
	const char *name, gid_t *gid_r, struct error *error)
{
	char *room = xmalloc(DAEMON_ENTRY_MAX);
	struct group entry;
	struct group *found;
	int result = getgrnam_r(name, &entry, room, DAEMON_ENTRY_MAX, &found);

	if (result != 0)
		error_set(error, "group %s: %s", name, strerror(result));
	else if (found == NULL)
		error_set(error, "group %s: there is none", name);
	else
		*gid_r = entry.gr_gid;
	free(room);
	if (result != 0)
		return -1;
	return found != NULL;
}

static int daemon_find_user(
	const char *name, uid_t *uid_r, gid_t *gid_r, struct error *error)
{
	char *room = xmalloc(DAEMON_ENTRY_MAX);
	struct passwd entry;
	struct passwd *found;
	int result = getpwnam_r(name, &entry, room, DAEMON_ENTRY_MAX, &found);

	if (result != 0) {
		error_set(error, "user %s: %s", name, strerror(result));
	} else if (found == NULL) {
		error_set(error, "user %s: there is none", name);
	} else {
		*uid_r = entry.pw_uid;
		*gid_r = entry.pw_gid;
	}
	free(room);
	return result == 0 && found != NULL ? 0 : -1;
}

/* ---- sockets ---- */

/* The descriptor that was handed over under the name, -1 when none was, -2 when
 * that cannot be told. */
static int daemon_handed_over(const char *name, struct error *error)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(0, &names);
	int fd = -1;

	for (int i = 0; i < count; i++) {
		if (fd < 0 && strcmp(names[i], name) == 0)
			fd = SD_LISTEN_FDS_START + i;
		free(names[i]);
	}
	free(names);
	if (count < 0)
		error_set(error, "sockets of the service manager: %s",
			strerror(-count));
	return count < 0 ? -2 : fd;
}

static int daemon_adopt(int fd, const char *name, struct error *error)
{
	int flags;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
		error_set(error,
			"socket %s of the service manager: no listening stream "
			"socket",
			name);
		return -1;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		error_set(error, "socket %s of the service manager: %s", name,
			strerror(errno));
		return -1;
	}
	return fd;
}

int daemon_socket(const char *name, const char *endpoint, mode_t mode,
	const char *group, struct error *error)
{
	gid_t gid = (gid_t)-1;
	int fd = daemon_handed_over(name, error);

	if (fd >= 0)
		return daemon_adopt(fd, name, error);
	if (fd < -1)
		return -1;
	if (endpoint == NULL) {
		error_set(error, "socket %s: no endpoint", name);
		return -1;
	}
	if (group != NULL && daemon_find_group(group, &gid, error) <= 0)
		return -1;
	return endpoint_listen(endpoint, mode, gid, error);
}

int daemon_peer(int socket, uid_t *uid_r, gid_t *gid_r, pid_t *pid_r)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -1;
	/* A socket of another kind answers too, with nobody. */
	if (peer.uid == (uid_t)-1)
		return -1;
	*uid_r = peer.uid;
	*gid_r = peer.gid;
	*pid_r = peer.pid;
	return 0;
}

/* ---- privileges ---- */

struct daemon_identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* malloc'd */
	int groups_count;
};

/* The groups that the system gives to the user. */
static void daemon_list_groups(
	const char *user, struct daemon_identity *identity)
{
	int count = 32;

	do {
		identity->groups = xreallocarray(
			identity->groups, (size_t)count, sizeof(gid_t));
		identity->groups_count = count;
	} while (getgrouplist(user, identity->gid, identity->groups, &count) <
		 0);
	identity->groups_count = count;
}

static int daemon_add_groups(const char *names,
	struct daemon_identity *identity, struct error *error)
{
	char *copy = xstrdup(names);
	char *rest = NULL;
	int result = 0;

	for (char *name = strtok_r(copy, " \t", &rest);
		name != NULL && result == 0;
		name = strtok_r(NULL, " \t", &rest)) {
		gid_t gid;

		if (daemon_find_group(name, &gid, error) <= 0) {
			result = -1;
			break;
		}
		identity->groups = xreallocarray(identity->groups,
			(size_t)identity->groups_count + 1, sizeof(gid_t));
		identity->groups[identity->groups_count++] = gid;
	}
	free(copy);
	return result;
}

/* Groups first, since only root may set them; the user last. */
static int daemon_become(
	const struct daemon_identity *identity, struct error *error)
{
	const char *what = NULL;

	if (setgroups((size_t)identity->groups_count, identity->groups) < 0)
		what = "setgroups";
	else if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
		what = "setresgid";
	else if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
		what = "setresuid";
	if (what != NULL) {
		error_set(error, "%s: %s", what, strerror(errno));
		return -1;
	}
	if (identity->uid != 0 &&
		(setuid(0) == 0 || seteuid(0) == 0 || getuid() == 0)) {
		error_set(error, "root could be regained");
		return -1;
	}
	return 0;
}

static int daemon_change_identity(const char *user, const char *group,
	const char *extra_groups, struct error *error)
{
	struct daemon_identity identity = { 0 };
	int result = -1;

	if (daemon_find_user(user, &identity.uid, &identity.gid, error) < 0)
		goto out;
	if (group != NULL &&
		daemon_find_group(group, &identity.gid, error) <= 0)
		goto out;
	daemon_list_groups(user, &identity);
	if (extra_groups != NULL &&
		daemon_add_groups(extra_groups, &identity, error) < 0)
		goto out;
	result = daemon_become(&identity, error);
out:
	free(identity.groups);
	if (result < 0)
		error_prefix(error, "become user %s", user);
	return result;
}

/* Neither a core file nor another process of the user shows our memory. */
static int daemon_hide_memory(struct error *error)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == 0 &&
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
		return 0;
	error_set(error, "disable core dumps: %s", strerror(errno));
	return -1;
}

int daemon_drop_privileges(const char *user, const char *group,
	const char *extra_groups, bool keeps_secrets, struct error *error)
{
	if (user != NULL && geteuid() == 0 &&
		daemon_change_identity(user, group, extra_groups, error) < 0)
		return -1;
	/* Last: a change of user sets it anew. */
	return keeps_secrets ? daemon_hide_memory(error) : 0;
}

/* ---- signals and the service manager ---- */

int daemon_signals(struct error *error)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t watched;
	int fd;

	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGHUP);
	if (sigaction(SIGPIPE, &ignore, NULL) < 0 ||
		sigprocmask(SIG_BLOCK, &watched, NULL) < 0) {
		error_set(error, "signals: %s", strerror(errno));
		return -1;
	}
	fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		error_set(error, "signalfd: %s", strerror(errno));
	return fd;
}

void daemon_ready(void)
{
	sd_notify(0, "READY=1");
}

void daemon_reloading(void)
{
	/* The stamp is what Type=notify-reload asks for. */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		instant_monotonic() * 1000);
}

void daemon_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
