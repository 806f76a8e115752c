/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal, see terminal.h. */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/terminal.h"
#include "lib/xalloc.h"

#define TERMINAL_ENTER "\033[?1049h\033[?25l"
#define TERMINAL_LEAVE "\033[?25h\033[?1049l"
#define TERMINAL_HOME  "\033[H"
#define TERMINAL_CLEAR "\033[J"
#define TERMINAL_REST  "\033[K" /* clears the rest of the line */

struct terminal {
	struct termios before;
	bool saved; /* before is to be put back */
	bool keys;  /* standard input is a terminal too */
	int signals;
	sigset_t mask_before;
	struct buffer output;
};

static void terminal_write(const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, data, size);

		if (written < 0 && errno != EINTR)
			return; /* it is gone; SIGHUP tells */
		if (written > 0) {
			data += written;
			size -= (size_t)written;
		}
	}
}

static void terminal_enter(struct terminal *terminal)
{
	struct termios raw;

	if (terminal->keys && tcgetattr(STDIN_FILENO, &terminal->before) == 0) {
		terminal->saved = true;
		raw = terminal->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	terminal_write(TERMINAL_ENTER, strlen(TERMINAL_ENTER));
}

static void terminal_leave(struct terminal *terminal)
{
	if (terminal->saved)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
	terminal_write(TERMINAL_LEAVE, strlen(TERMINAL_LEAVE));
}

bool terminal_is_able(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDOUT_FILENO) && kind != NULL && *kind != '\0' &&
	       strcmp(kind, "dumb") != 0;
}

struct terminal *terminal_open(void)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH,
		SIGTSTP };
	struct terminal *terminal;
	sigset_t mask;

	if (!terminal_is_able())
		return NULL;
	terminal = xcalloc(1, sizeof(*terminal));
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		sigaddset(&mask, wanted[i]);
	sigprocmask(SIG_BLOCK, &mask, &terminal->mask_before);
	terminal->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (terminal->signals < 0) {
		sigprocmask(SIG_SETMASK, &terminal->mask_before, NULL);
		free(terminal);
		return NULL;
	}
	terminal->keys = isatty(STDIN_FILENO);
	terminal_enter(terminal);
	return terminal;
}

void terminal_close(struct terminal **terminal)
{
	if (*terminal == NULL)
		return;
	terminal_leave(*terminal);
	close((*terminal)->signals);
	sigprocmask(SIG_SETMASK, &(*terminal)->mask_before, NULL);
	buffer_free(&(*terminal)->output);
	free(*terminal);
	*terminal = NULL;
}

void terminal_size(
	const struct terminal *terminal, size_t *width_r, size_t *height_r)
{
	struct winsize size;

	(void)terminal;
	*width_r = 80;
	*height_r = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col > 0)
		*width_r = size.ws_col;
	if (size.ws_row > 0)
		*height_r = size.ws_row;
}

bool terminal_colour(const struct terminal *terminal)
{
	const char *none = getenv("NO_COLOR");

	(void)terminal;
	return none == NULL || *none == '\0';
}

void terminal_show(struct terminal *terminal, const struct buffer *lines)
{
	struct buffer *output = &terminal->output;
	const char *at = lines->data;
	size_t left = lines->size;

	buffer_clear(output);
	buffer_add_text(output, TERMINAL_HOME);
	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t size = end != NULL ? (size_t)(end - at) : left;

		/* cleared first: behind a full line the cursor still stands
		 * on its last column */
		buffer_add_text(
			output, end != NULL ? TERMINAL_REST : TERMINAL_CLEAR);
		buffer_add(output, at, size);
		if (end == NULL)
			break;
		buffer_add_text(output, "\r\n");
		at += size + 1;
		left -= size + 1;
	}
	terminal_write(output->data, output->size);
}

static enum terminal_event terminal_take_signal(struct terminal *terminal)
{
	struct signalfd_siginfo signal;

	if (read(terminal->signals, &signal, sizeof(signal)) !=
		(ssize_t)sizeof(signal))
		return TERMINAL_NOTHING;
	switch (signal.ssi_signo) {
	case SIGWINCH:
		return TERMINAL_REDRAW;
	case SIGTSTP:
		terminal_leave(terminal);
		raise(SIGSTOP);
		terminal_enter(terminal);
		return TERMINAL_REDRAW;
	default:
		return TERMINAL_QUIT;
	}
}

static enum terminal_event terminal_take_keys(struct terminal *terminal)
{
	char keys[64];
	ssize_t size = read(STDIN_FILENO, keys, sizeof(keys));

	if (size <= 0) {
		/* hung up, or we are in the background */
		terminal->keys = size < 0 && errno == EINTR;
		return TERMINAL_NOTHING;
	}
	for (ssize_t i = 0; i < size; i++) {
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == '\003')
			return TERMINAL_QUIT;
		if (keys[i] == '\014')
			return TERMINAL_REDRAW;
	}
	return TERMINAL_NOTHING;
}

enum terminal_event terminal_wait(
	struct terminal *terminal, int fd, int timeout_ms)
{
	struct pollfd polled[3] = { { terminal->signals, POLLIN, 0 },
		{ terminal->keys ? STDIN_FILENO : -1, POLLIN, 0 },
		{ fd, POLLIN, 0 } };

	if (poll(polled, 3, timeout_ms) <= 0)
		return TERMINAL_NOTHING;
	if (polled[0].revents != 0)
		return terminal_take_signal(terminal);
	if (polled[1].revents != 0)
		return terminal_take_keys(terminal);
	return TERMINAL_NOTHING;
}
