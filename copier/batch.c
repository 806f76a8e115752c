/* SPDX-License-Identifier: BSD-2-Clause */
/* The parent of the workers: leases accounts, forks, waits. */
#include "config.h"

#include "copier/batch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "copier/cutoff.h"
#include "copier/move.h"
#include "copier/wake.h"

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/control_client.h"
#include "lib/daemon.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* policyd answers a lease at once; longer means that it is not well (ms). */
#define BATCH_TIMEOUT 10000
/* To who cannot be heard at the moment we try to listen so often (ms). */
#define BATCH_DEAF 1000

struct batch {
	struct config *config;
	struct log *log;
	const struct batch_options *options;
	struct control_client *client;
	struct wake *wake;  /* of a daemon, or NULL */
	int signals;	    /* signalfd: SIGTERM, SIGINT, SIGHUP, SIGCHLD */
	sigset_t inherited; /* the mask that children get back */
	pid_t *children;
	size_t children_count;
	int64_t began;
	bool stopping;
	char worker[ACCOUNT_NAME_SIZE];
};

static volatile sig_atomic_t batch_child_stop;

static void batch_on_term(int number)
{
	/* Told twice: whatever is waited for is over. */
	if (batch_child_stop != 0)
		cutoff_all();
	batch_child_stop = number;
}

/* The life of a child: one account. */
static int batch_child(struct batch *batch, struct account *account,
	int64_t asked, int64_t lease_ms)
{
	struct sigaction action = { .sa_handler = batch_on_term };
	const struct move_order order = { .config = batch->config,
		.log = batch->log,
		.account = account,
		.asked = asked,
		.lease_ms = lease_ms,
		.stop = &batch_child_stop };
	int result;

	/* A parent that was killed cannot tell us to end. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	close(batch->signals);
	control_close(&batch->client);
	wake_free(&batch->wake);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &batch->inherited, NULL);
	srandom((unsigned)getpid() ^ (unsigned)instant_now());
	result = move_run(&order);
	account_clear(account);
	return result == 0 ? EX_OK : EX_TEMPFAIL;
}

static void batch_begin(
	struct batch *batch, const struct attr_list *reply, int64_t asked)
{
	struct account account;
	struct error error;
	int64_t lease_ms = 0;
	pid_t child;

	if (account_scan(reply, &account, &error) < 0) {
		log_write(batch->log, LOG_ERR, "lease: %s", error.text);
		return;
	}
	if (attr_list_get_number(reply, "lease_ms", &lease_ms, &error) < 1)
		lease_ms = batch->config->policyd.lease;
	child = fork();
	if (child == 0)
		_exit(batch_child(batch, &account, asked, lease_ms));
	if (child < 0) {
		/* The lease runs out by itself. */
		log_account(batch->log, LOG_ERR, account.address, "fork: %s",
			strerror(errno));
	} else {
		batch->children = xreallocarray(batch->children,
			batch->children_count + 1, sizeof(*batch->children));
		batch->children[batch->children_count++] = child;
	}
	account_clear(&account);
}

/* Asks for one account. 1 begun, 0 none is due (*next_r says when), -1 policyd
 * could not be asked. */
static int batch_lease(struct batch *batch, int64_t *next_r)
{
	struct attr_list *request;
	const struct attr_list *reply;
	struct error error = { "" };
	int64_t asked = instant_monotonic();
	int result = -1;

	if (batch->client == NULL)
		batch->client = control_connect(
			batch->config->policyd.control, BATCH_TIMEOUT, &error);
	if (batch->client == NULL) {
		log_write(batch->log, LOG_WARNING, "%s", error.text);
		return -1;
	}
	request = attr_list_new();
	attr_list_add(request, "request", "lease");
	attr_list_add(request, "worker", batch->worker);
	if (batch->options->batch != NULL)
		attr_list_add(request, "batch", batch->options->batch);
	if (control_call(batch->client, request, &reply, &error) < 0) {
		log_write(batch->log, LOG_WARNING, "lease: %s", error.text);
		control_close(&batch->client);
	} else {
		switch (control_status(reply, &error)) {
		case CONTROL_OK:
			batch_begin(batch, reply, asked);
			result = 1;
			break;
		case CONTROL_NOT_FOUND:
			*next_r = INSTANT_NEVER;
			attr_list_get_number(reply, "next_due", next_r, NULL);
			result = 0;
			break;
		default:
			log_write(batch->log, LOG_WARNING, "lease: %s",
				error.text);
			break;
		}
	}
	attr_list_free(&request);
	return result;
}

/* Takes the children that have ended. */
static void batch_reap(struct batch *batch)
{
	int status;
	pid_t child;
	size_t i;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < batch->children_count; i++)
			if (batch->children[i] == child)
				batch->children[i] =
					batch->children
						[--batch->children_count];
		if (WIFSIGNALED(status))
			log_write(batch->log, LOG_ERR,
				"worker %ld died of signal %d", (long)child,
				WTERMSIG(status));
	}
}

static void batch_stop(struct batch *batch)
{
	size_t i;

	if (!batch->stopping && batch->options->daemon)
		daemon_stopping();
	batch->stopping = true;
	for (i = 0; i < batch->children_count; i++)
		kill(batch->children[i], SIGTERM);
}

/* Accounts that are begun from now on follow the new configuration. */
static void batch_reload(struct batch *batch)
{
	struct error error;
	struct config *config;

	if (batch->options->daemon)
		daemon_reloading();
	config = config_load(batch->options->config_path, &error);
	if (config != NULL) {
		config_free(&batch->config);
		batch->config = config;
		control_close(&batch->client);
		if (batch->wake != NULL) {
			wake_free(&batch->wake);
			batch->wake = wake_new(config->policyd.control);
		}
		log_write(batch->log, LOG_INFO, "configuration read again");
	} else {
		log_write(batch->log, LOG_ERR,
			"the old configuration stays: %s", error.text);
	}
	if (batch->options->daemon)
		daemon_ready();
}

/* Until there is a signal, true, or an account may be due, or so many ms are
 * over. */
static bool batch_sleep(struct batch *batch, int64_t ms)
{
	int64_t end = instant_monotonic() + ms;
	bool deaf = false;

	for (;;) {
		struct pollfd waits[2] = {
			{ .fd = batch->signals, .events = POLLIN },
			{ .fd = -1, .events = POLLIN },
		};
		int64_t left;

		if (batch->wake != NULL)
			waits[1].fd = wake_fd(batch->wake);
		/* what happened meanwhile was not heard */
		if (deaf && waits[1].fd >= 0)
			return false;
		deaf = batch->wake != NULL && waits[1].fd < 0;
		left = end - instant_monotonic();
		if (left <= 0)
			left = 0;
		if (deaf && left > BATCH_DEAF)
			left = BATCH_DEAF;
		if (poll(waits, 2, (int)left) <= 0 &&
			instant_monotonic() >= end)
			return false;
		if (waits[0].revents != 0)
			return true;
		if (waits[1].revents != 0 && wake_take(batch->wake))
			return false;
	}
}

/* Waits for a signal, at most so long. */
static void batch_wait(struct batch *batch, int64_t ms)
{
	struct signalfd_siginfo signal = { .ssi_signo = 0 };

	if (batch_sleep(batch, ms) &&
		read(batch->signals, &signal, sizeof(signal)) != sizeof(signal))
		signal.ssi_signo = 0;
	if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT)
		batch_stop(batch);
	if (signal.ssi_signo == SIGHUP)
		batch_reload(batch);
	batch_reap(batch);
}

static bool batch_time_is_up(const struct batch *batch)
{
	return batch->options->duration > 0 &&
	       instant_monotonic() - batch->began >= batch->options->duration;
}

/* Whether the batch has ended once no child is left; for the present result of
 * asking for an account. */
static bool batch_is_done(const struct batch *batch, int leased)
{
	if (batch->children_count > 0)
		return false;
	if (batch->stopping)
		return true;
	return !batch->options->daemon &&
	       (leased <= 0 || batch_time_is_up(batch));
}

static int64_t batch_pause(const struct batch *batch, int64_t next)
{
	int64_t pause = batch->config->copier.poll, until;

	until = next == INSTANT_NEVER ? pause : next - instant_now();
	if (until < 1)
		until = 1;
	return until < pause ? until : pause;
}

static int batch_loop(struct batch *batch)
{
	int leased = 0, failures = 0;

	for (;;) {
		int64_t next = INSTANT_NEVER;

		leased = 0;
		while (!batch->stopping && !batch_time_is_up(batch) &&
			batch->children_count < (size_t)batch->options->jobs &&
			(leased = batch_lease(batch, &next)) > 0)
			;
		failures = leased < 0 ? failures + 1 : 0;
		if (batch_is_done(batch, leased))
			return leased < 0 ? EX_TEMPFAIL : EX_OK;
		batch_wait(batch, failures > 0 ? batch->config->copier.poll
					       : batch_pause(batch, next));
	}
}

static void batch_name(struct batch *batch)
{
	char host[ACCOUNT_NAME_SIZE / 2];

	if (gethostname(host, sizeof(host)) < 0)
		snprintf(host, sizeof(host), "localhost");
	host[sizeof(host) - 1] = '\0';
	snprintf(batch->worker, sizeof(batch->worker), "%s/%ld", host,
		(long)getpid());
}

/* SIGCHLD is read from the same descriptor as those that end us. */
static int batch_signals(struct batch *batch, struct error *error)
{
	sigset_t wanted;

	sigprocmask(SIG_SETMASK, NULL, &batch->inherited);
	batch->signals = daemon_signals(error);
	if (batch->signals < 0)
		return -1;
	sigprocmask(SIG_SETMASK, NULL, &wanted);
	sigaddset(&wanted, SIGCHLD);
	sigprocmask(SIG_SETMASK, &wanted, NULL);
	if (signalfd(batch->signals, &wanted, SFD_CLOEXEC) < 0) {
		error_set(error, "signalfd: %s", strerror(errno));
		return -1;
	}
	return 0;
}

int batch_run(struct config *config, struct log *log,
	const struct batch_options *options)
{
	struct batch batch = { .config = config,
		.log = log,
		.options = options,
		.began = instant_monotonic(),
		.signals = -1 };
	struct error error;
	int code = EX_OSERR;

	batch_name(&batch);
	if (batch_signals(&batch, &error) < 0) {
		log_write(log, LOG_ERR, "%s", error.text);
	} else {
		if (options->daemon) {
			batch.wake = wake_new(config->policyd.control);
			daemon_ready();
		}
		code = batch_loop(&batch);
	}
	control_close(&batch.client);
	wake_free(&batch.wake);
	config_free(&batch.config);
	free(batch.children);
	if (batch.signals >= 0)
		close(batch.signals);
	return code;
}
