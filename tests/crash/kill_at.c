/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library to preload: counts the steps by which a process makes something
 * durable or tells somebody of it, and ends it with SIGKILL before the step
 * that KILL_AT_STEP names. The count stands in the file KILL_AT_COUNT (8 bytes,
 * shared by parent and children), so that the caller knows how many there are.
 * KILL_AT_KIND: "durable" (fsync, fdatasync, rename), "socket" (what is
 * written to a socket), or "disk": nothing is killed, but from that step on
 * fsync and fdatasync fail as on a disk that is going.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static uint64_t *kill_at_count;
static uint64_t kill_at_step;
static bool kill_at_sockets;
static bool kill_at_disk;

__attribute__((constructor)) static void kill_at_start(void)
{
	const char *path = getenv("KILL_AT_COUNT");
	const char *step = getenv("KILL_AT_STEP");
	const char *kind = getenv("KILL_AT_KIND");
	void *mapped;
	int fd;

	if (path == NULL || (fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return;
	mapped = mmap(NULL, sizeof(*kill_at_count), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return;
	kill_at_step = step != NULL ? strtoull(step, NULL, 10) : 0;
	kill_at_sockets = kind != NULL && strcmp(kind, "socket") == 0;
	kill_at_disk = kind != NULL && strcmp(kind, "disk") == 0;
	kill_at_count = mapped;
}

static void kill_at(void)
{
	if (kill_at_count != NULL && __atomic_add_fetch(kill_at_count, 1,
					     __ATOMIC_SEQ_CST) == kill_at_step)
		kill(getpid(), SIGKILL);
}

static void kill_at_socket(int fd)
{
	struct stat status;

	if (kill_at_sockets && fstat(fd, &status) == 0 &&
		S_ISSOCK(status.st_mode))
		kill_at();
}

static void kill_at_durable(void)
{
	if (!kill_at_sockets && !kill_at_disk)
		kill_at();
}

static bool kill_at_fails(void)
{
	uint64_t step;

	if (!kill_at_disk || kill_at_count == NULL)
		return false;
	step = __atomic_add_fetch(kill_at_count, 1, __ATOMIC_SEQ_CST);
	if (kill_at_step == 0 || step < kill_at_step)
		return false;
	errno = EIO;
	return true;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
	kill_at_durable();
	return kill_at_fails() ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
	kill_at_durable();
	return kill_at_fails() ? -1 : NEXT(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
	kill_at_durable();
	return NEXT(rename)(from, to);
}

ssize_t write(int fd, const void *data, size_t size)
{
	kill_at_socket(fd);
	return NEXT(write)(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	kill_at_socket(fd);
	return NEXT(writev)(fd, parts, count);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
	kill_at_socket(fd);
	return NEXT(send)(fd, data, size, flags);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags,
	const struct sockaddr *to, socklen_t to_size)
{
	kill_at_socket(fd);
	return NEXT(sendto)(fd, data, size, flags, to, to_size);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	kill_at_socket(fd);
	return NEXT(sendmsg)(fd, message, flags);
}
