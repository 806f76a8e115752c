/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon skeleton: handed-over sockets, notification, signals, peers; the
 * change of user where the test is run by root. What cannot be undone happens
 * in a child.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/daemon.h"
#include "lib/endpoint.h"

#define NOBODY 65534

static char scratch[64];
static char path[96];
static char endpoint[128];

static int set_up(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/daemon-test.XXXXXX");
	if (mkdtemp(scratch) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", scratch);
	snprintf(endpoint, sizeof(endpoint), "unix:%s", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(scratch);
}

/* Runs it in a child, which says itself what it found wrong. */
static void in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void child_check(int fine, int line, const char *condition)
{
	if (fine)
		return;
	fprintf(stderr, "%s:%d: %s\n", __FILE__, line, condition);
	_exit(1);
}

#define CHILD_CHECK(condition)                                                 \
	child_check((condition) != 0, __LINE__, #condition)

static void opens_its_socket(void **state)
{
	struct error error = { "" };
	struct stat status;
	int fd = daemon_socket("control", endpoint, 0620, NULL, &error);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0620);
	close(fd);
	assert_int_equal(daemon_socket("control", endpoint, 0600,
				 "no-such-group", &error),
		-1);
	assert_string_equal(error.text, "group no-such-group: there is none");
	assert_int_equal(
		daemon_socket("control", NULL, 0600, NULL, &error), -1);
	assert_string_equal(error.text, "socket control: no endpoint");
}

static void gives_the_group(void **state)
{
	struct error error = { "" };
	struct stat status;
	const struct group *mail = getgrnam("mail");
	gid_t gid = mail != NULL ? mail->gr_gid : 0;
	int fd;

	(void)state;
	if (geteuid() != 0 || mail == NULL) {
		print_message("needs root and a group mail\n");
		skip();
	}
	fd = daemon_socket("control", endpoint, 0660, "mail", &error);
	if (fd < 0)
		fail_msg("%s", error.text);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_gid, gid);
	close(fd);
}

/* As a service manager does it: descriptors from 3 on, names beside them. */
static void take_over(void)
{
	struct error error = { "" };
	char pid[16];
	int pair[2];
	int listener = endpoint_listen(endpoint, 0600, (gid_t)-1, &error);

	CHILD_CHECK(listener >= 0);
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	/* the service manager's may be blocking */
	fcntl(listener, F_SETFL, 0);
	CHILD_CHECK(dup2(pair[0], 20) == 20 && dup2(listener, 21) == 21);
	CHILD_CHECK(dup2(20, 3) == 3 && dup2(21, 4) == 4);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "odd:policy", 1);
	for (int i = 0; i < 2; i++)
		CHILD_CHECK(daemon_socket("policy", "unix:/nonexistent/s", 0600,
				    "no-such-group", &error) == 4);
	CHILD_CHECK(fcntl(4, F_GETFL) & O_NONBLOCK);
	CHILD_CHECK(fcntl(4, F_GETFD) & FD_CLOEXEC);
	CHILD_CHECK(daemon_socket("odd", endpoint, 0600, NULL, &error) == -1);
	CHILD_CHECK(strstr(error.text, "socket odd of the service manager") !=
		    NULL);
	/* one that was not handed over is opened */
	CHILD_CHECK(daemon_socket("other", "unix:/nonexistent/s", 0600, NULL,
			    &error) == -1);
	CHILD_CHECK(strstr(error.text, "/nonexistent/") != NULL);
	/* what was handed to another process is not ours */
	setenv("LISTEN_PID", "1", 1);
	CHILD_CHECK(daemon_socket("policy", "unix:/nonexistent/s", 0600, NULL,
			    &error) == -1);
}

static void takes_sockets_over(void **state)
{
	(void)state;
	in_child(take_over);
}

static void notify(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[256];
	ssize_t size;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	CHILD_CHECK(
		bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	unsetenv("NOTIFY_SOCKET");
	daemon_ready();
	setenv("NOTIFY_SOCKET", path, 1);
	daemon_ready();
	CHILD_CHECK(recv(fd, text, sizeof(text), 0) == 7);
	CHILD_CHECK(memcmp(text, "READY=1", 7) == 0);
	daemon_reloading();
	size = recv(fd, text, sizeof(text) - 1, 0);
	CHILD_CHECK(size > 0);
	text[size] = '\0';
	CHILD_CHECK(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
	CHILD_CHECK(strspn(text + 27, "0123456789") == strlen(text + 27));
	daemon_stopping();
	size = recv(fd, text, sizeof(text), 0);
	CHILD_CHECK(size == 10 && memcmp(text, "STOPPING=1", 10) == 0);
}

static void notifies(void **state)
{
	(void)state;
	in_child(notify);
}

static void take_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct signalfd_siginfo information;
	struct error error = { "" };
	struct sigaction child;
	int fd = daemon_signals(&error);

	CHILD_CHECK(fd >= 0);
	CHILD_CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHILD_CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHILD_CHECK(read(fd, &information, sizeof(information)) == -1);
	for (size_t i = 0; i < 3; i++) {
		raise(numbers[i]);
		CHILD_CHECK(read(fd, &information, sizeof(information)) ==
			    sizeof(information));
		CHILD_CHECK(information.ssi_signo == (uint32_t)numbers[i]);
	}
	raise(SIGPIPE);
	CHILD_CHECK(sigaction(SIGCHLD, NULL, &child) == 0);
	CHILD_CHECK(child.sa_handler == SIG_DFL);
}

static void takes_signals(void **state)
{
	(void)state;
	in_child(take_signals);
}

static void knows_its_peer(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;
	pid_t pid = 1;
	int pair[2];
	int inet;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(daemon_peer(pair[0], &uid, &gid, &pid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(gid, getegid());
	assert_int_equal(pid, getpid());
	close(pair[0]);
	close(pair[1]);
	/* nobody is known at the other end of the net */
	inet = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(daemon_peer(inet, &uid, &gid, &pid), -1);
	close(inet);
	assert_int_equal(daemon_peer(-1, &uid, &gid, &pid), -1);
}

static void become_nobody(void)
{
	const struct group *mail = getgrnam("mail");
	struct error error = { "" };
	struct rlimit core;
	gid_t groups[64];
	int count;
	int found = 0;
	uid_t real, effective, saved;

	CHILD_CHECK(daemon_drop_privileges("nobody", "nogroup", " mail  mail ",
			    true, &error) == 0);
	CHILD_CHECK(getresuid(&real, &effective, &saved) == 0);
	CHILD_CHECK(real == NOBODY && effective == NOBODY && saved == NOBODY);
	CHILD_CHECK(getgid() == NOBODY && getegid() == NOBODY);
	count = getgroups(64, groups);
	for (int i = 0; i < count; i++) {
		CHILD_CHECK(groups[i] != 0);
		found += groups[i] == mail->gr_gid;
	}
	CHILD_CHECK(found > 0);
	CHILD_CHECK(setuid(0) == -1 && setgid(0) == -1);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_CHECK(getrlimit(RLIMIT_CORE, &core) == 0);
	CHILD_CHECK(core.rlim_cur == 0 && core.rlim_max == 0);
	/* not root any more: nothing is changed */
	CHILD_CHECK(daemon_drop_privileges(
			    "no-such-user", NULL, NULL, false, &error) == 0);
}

static void refuse_unknown_users(void)
{
	struct error error = { "" };

	CHILD_CHECK(daemon_drop_privileges(
			    "no-such-user", NULL, NULL, true, &error) == -1);
	CHILD_CHECK(strstr(error.text, "no-such-user") != NULL);
	CHILD_CHECK(daemon_drop_privileges("nobody", "no-such-group", NULL,
			    true, &error) == -1);
	CHILD_CHECK(strstr(error.text, "no-such-group") != NULL);
	CHILD_CHECK(daemon_drop_privileges("nobody", NULL, "mail no-such-group",
			    true, &error) == -1);
	CHILD_CHECK(strstr(error.text, "no-such-group") != NULL);
	CHILD_CHECK(getuid() == 0 && getgid() == 0);
}

static void drops_privileges(void **state)
{
	(void)state;
	if (geteuid() != 0 || getgrnam("mail") == NULL) {
		print_message("needs root and a group mail\n");
		skip();
	}
	in_child(become_nobody);
	in_child(refuse_unknown_users);
}

static void hide_memory(void)
{
	struct error error = { "" };

	CHILD_CHECK(
		daemon_drop_privileges(NULL, NULL, NULL, false, &error) == 0);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 1);
	CHILD_CHECK(
		daemon_drop_privileges(NULL, NULL, NULL, true, &error) == 0);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 0);
}

static void hides_memory(void **state)
{
	(void)state;
	in_child(hide_memory);
}

#define WITH_SCRATCH(test)                                                     \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(opens_its_socket),
		WITH_SCRATCH(gives_the_group),
		WITH_SCRATCH(takes_sockets_over),
		WITH_SCRATCH(notifies),
		cmocka_unit_test(takes_signals),
		cmocka_unit_test(knows_its_peer),
		cmocka_unit_test(drops_privileges),
		cmocka_unit_test(hides_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
