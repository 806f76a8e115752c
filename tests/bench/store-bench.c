/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the Berkeley DB store does in a second: lookups, durable transitions,
 * both at once, and how long it takes to start after kill -9.
 *
 *     store-bench [ACCOUNTS [SECONDS [DIRECTORY]]]
 *
 * fills a store of so many accounts (1000000) below DIRECTORY (/tmp), measures
 * each figure for so long (3), prints lines "name=value" and removes the store.
 * The parts, for who compares them with something else:
 *
 *     store-bench fill ACCOUNTS STORE
 *     store-bench transitions ACCOUNTS SECONDS STORE
 *     store-bench disk SECONDS DIRECTORY
 *
 * disk is what transitions stand on: small records appended to a file, each
 * made durable before the next.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/store.h"
#include "tests/bench/keys.h"

#define BENCH_THREADS 8
#define BENCH_FILL    2000 /* accounts in one transaction */
#define BENCH_RECORD  512  /* bytes of a durable record */

struct bench {
	char *directory;
	char *uri;
	uint64_t accounts;
	int64_t duration; /* ms */
	struct store *store;
	atomic_bool over;
};

struct bench_thread {
	pthread_t thread;
	struct bench *bench;
	uint64_t random;
	uint64_t done;
	uint64_t conflicts;
};

static void bench_die(const char *what, const struct error *error)
{
	fprintf(stderr, "store-bench: %s: %s\n", what, error->text);
	exit(1);
}

static void bench_print(const char *name, uint64_t value)
{
	printf("%s=%" PRIu64 "\n", name, value);
	fflush(stdout);
}

static uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void bench_open(struct bench *bench)
{
	struct error error;

	bench->store = store_open(bench->uri, &error);
	if (bench->store == NULL)
		bench_die("open", &error);
}

/* ---- filling ---- */

static void bench_fill_some(struct bench *bench, uint64_t from, uint64_t to)
{
	char alias[ADDRESS_SIZE];
	struct account account;
	struct store_txn *txn;
	struct error error;

	if (store_begin(bench->store, &txn, &error) < 0)
		bench_die("begin", &error);
	account_init(&account);
	strcpy(account.source, "old");
	strcpy(account.destination, "new");
	for (uint64_t i = from; i < to; i++) {
		keys_address(i, account.address);
		if (store_txn_put_account(txn, &account, &error) < 0)
			bench_die("put", &error);
		if (i % 4 != 0)
			continue;
		snprintf(alias, sizeof(alias), "alias%07" PRIu64 "@example.org",
			i);
		if (store_txn_put_alias(txn, alias, account.address, &error) <
			0)
			bench_die("put alias", &error);
	}
	if (store_commit(&txn, &error) != STORE_DONE)
		bench_die("commit", &error);
}

static void bench_fill(struct bench *bench)
{
	int64_t begun = instant_monotonic();
	struct error error;

	for (uint64_t i = 0; i < bench->accounts; i += BENCH_FILL) {
		uint64_t to = i + BENCH_FILL;

		if (to > bench->accounts)
			to = bench->accounts;
		bench_fill_some(bench, i, to);
		if (i % 100000 == 0 && store_checkpoint(bench->store, &error))
			bench_die("checkpoint", &error);
	}
	bench_print("fill_ms", (uint64_t)(instant_monotonic() - begun));
}

/* ---- what the threads do ---- */

static void *bench_lookups(void *context)
{
	struct bench_thread *thread = context;
	struct bench *bench = thread->bench;
	char address[ADDRESS_SIZE];
	struct account account;
	struct error error;

	while (!atomic_load(&bench->over)) {
		uint64_t number = bench_random(&thread->random);

		keys_address(number % bench->accounts, address);
		if (store_get_account(
			    bench->store, address, &account, &error) != 1)
			bench_die("lookup", &error);
		account_clear(&account);
		thread->done++;
	}
	return NULL;
}

/* One step of the life of an account, with its line of history. */
static enum store_commit bench_transition(
	struct bench_thread *thread, struct attr_list *detail)
{
	struct bench *bench = thread->bench;
	uint64_t number = bench_random(&thread->random) % bench->accounts;
	char address[ADDRESS_SIZE];
	struct account account;
	struct store_txn *txn;
	struct error error;
	enum store_commit result;

	keys_address(number, address);
	if (store_begin(bench->store, &txn, &error) < 0 ||
		store_txn_get_account(txn, address, &account, &error) != 1)
		bench_die("transition", &error);
	account.phase = (account.phase + 1) % ACCOUNT_RETIRED;
	account.due = instant_now();
	attr_list_clear(detail);
	attr_list_add(detail, "event", "transition");
	attr_list_add(detail, "to", account_phase_name(account.phase));
	if (store_txn_put_account(txn, &account, &error) < 0 ||
		store_txn_add_audit(txn, account.due, address, detail, &error) <
			0)
		bench_die("transition", &error);
	account_clear(&account);
	result = store_commit(&txn, &error);
	if (result != STORE_DONE && result != STORE_CONFLICT)
		bench_die("transition", &error);
	return result;
}

static void *bench_transitions(void *context)
{
	struct bench_thread *thread = context;
	struct attr_list *detail = attr_list_new();

	while (!atomic_load(&thread->bench->over))
		if (bench_transition(thread, detail) == STORE_DONE)
			thread->done++;
		else
			thread->conflicts++;
	attr_list_free(&detail);
	return NULL;
}

/* ---- measuring ---- */

/* Runs so many threads of each kind; prints what each kind did in a second. */
static void bench_run(struct bench *bench, const char *name, unsigned lookups,
	unsigned transitions)
{
	struct bench_thread threads[BENCH_THREADS] = { 0 };
	unsigned count = lookups + transitions;
	uint64_t sums[2] = { 0 };
	int64_t begun = instant_monotonic();
	int64_t took;
	char text[80];

	atomic_store(&bench->over, false);
	for (unsigned i = 0; i < count; i++) {
		threads[i].bench = bench;
		threads[i].random = 88172645463325252u + 7919 * i;
		if (pthread_create(&threads[i].thread, NULL,
			    i < lookups ? bench_lookups : bench_transitions,
			    &threads[i]) != 0)
			abort();
	}
	usleep((useconds_t)bench->duration * 1000);
	atomic_store(&bench->over, true);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i].thread, NULL);
		sums[i >= lookups] += threads[i].done;
	}
	took = instant_monotonic() - begun;
	for (unsigned kind = 0; kind < 2; kind++) {
		if ((kind == 0 ? lookups : transitions) == 0)
			continue;
		snprintf(text, sizeof(text), "%s_%s_per_s", name,
			kind == 0 ? "lookups" : "transitions");
		bench_print(text, sums[kind] * 1000 / (uint64_t)took);
	}
}

static void bench_memory(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long kilobytes;
	char line[256];

	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "VmRSS: %lu kB", &kilobytes) == 1)
			bench_print("memory_kb", kilobytes);
	if (status != NULL)
		fclose(status);
}

static void bench_backup(struct bench *bench)
{
	char *target = xasprintf("%s/backup", bench->directory);
	int64_t begun = instant_monotonic();
	struct error error;

	if (store_backup(bench->store, target, &error) < 0)
		bench_die("backup", &error);
	bench_print("backup_ms", (uint64_t)(instant_monotonic() - begun));
	free(target);
}

/* A process that makes transitions without a checkpoint is killed; then the
 * store is opened. */
static void bench_kill(struct bench *bench)
{
	struct bench_thread thread = { .bench = bench, .random = 4711 };
	uint64_t transitions = 0;
	int64_t begun;
	int pipes[2];
	pid_t child;

	if (pipe(pipes) < 0 || (child = fork()) < 0)
		abort();
	if (child == 0) {
		struct attr_list *detail = attr_list_new();

		bench_open(bench);
		for (begun = instant_monotonic();
			instant_monotonic() - begun < bench->duration;)
			transitions +=
				bench_transition(&thread, detail) == STORE_DONE;
		if (write(pipes[1], &transitions, sizeof(transitions)) !=
			sizeof(transitions))
			abort();
		pause();
	}
	if (read(pipes[0], &transitions, sizeof(transitions)) !=
		sizeof(transitions))
		abort();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	begun = instant_monotonic();
	bench_open(bench);
	bench_print("killed_after_transitions", transitions);
	bench_print(
		"start_after_kill_ms", (uint64_t)(instant_monotonic() - begun));
	store_close(&bench->store);
	begun = instant_monotonic();
	bench_open(bench);
	bench_print("start_ms", (uint64_t)(instant_monotonic() - begun));
	store_close(&bench->store);
}

static void bench_all(struct bench *bench)
{
	bench_print("accounts", bench->accounts);
	bench_open(bench);
	bench_fill(bench);
	bench_memory();
	bench_run(bench, "1", 1, 0);
	bench_run(bench, "2", 2, 0);
	bench_run(bench, "4", 4, 0);
	bench_run(bench, "1", 0, 1);
	bench_run(bench, "2", 0, 2);
	bench_run(bench, "4", 0, 4);
	bench_run(bench, "8", 0, 8);
	bench_run(bench, "2_beside_1", 2, 1);
	bench_memory();
	bench_backup(bench);
	store_close(&bench->store);
	bench_kill(bench);
}

/* Fills a store below the directory, measures all, removes it. */
static int bench_default(struct bench *bench, const char *directory)
{
	char *command;
	int result;

	bench->directory = xasprintf("%s/store-bench.XXXXXX", directory);
	if (mkdtemp(bench->directory) == NULL) {
		perror(bench->directory);
		return 1;
	}
	bench->uri = xasprintf("bdb:%s/store", bench->directory);
	bench_all(bench);
	command = xasprintf("rm -rf '%s'", bench->directory);
	result = system(command);
	free(command);
	free(bench->uri);
	free(bench->directory);
	return result != 0;
}

/* ---- the parts ---- */

static void bench_part_fill(struct bench *bench)
{
	bench_open(bench);
	bench_fill(bench);
	store_close(&bench->store);
}

static void bench_part_transitions(struct bench *bench)
{
	bench_open(bench);
	bench_run(bench, "1", 0, 1);
	bench_run(bench, "8", 0, 8);
	store_close(&bench->store);
}

static void bench_part_disk(struct bench *bench)
{
	char *path = xasprintf("%s/disk-bench", bench->directory);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	static const char record[BENCH_RECORD];
	int64_t begun = instant_monotonic();
	int64_t took = 0;
	uint64_t done;

	for (done = 0; took < bench->duration; done++) {
		if (fd < 0 || write(fd, record, sizeof(record)) < 0 ||
			fdatasync(fd) < 0) {
			perror(path);
			exit(1);
		}
		took = instant_monotonic() - begun;
	}
	bench_print("disk_per_s", done * 1000 / (uint64_t)took);
	close(fd);
	unlink(path);
	free(path);
}

struct bench_part {
	const char *name;
	bool accounts, seconds; /* arguments, before the directory */
	void (*run)(struct bench *bench);
};

static const struct bench_part bench_parts[] = {
	{ "fill", true, false, bench_part_fill },
	{ "transitions", true, true, bench_part_transitions },
	{ "disk", false, true, bench_part_disk },
};

static const struct bench_part *bench_part_find(const char *name)
{
	size_t count = sizeof(bench_parts) / sizeof(bench_parts[0]);

	for (size_t i = 0; i < count; i++)
		if (strcmp(bench_parts[i].name, name) == 0)
			return &bench_parts[i];
	return NULL;
}

static int bench_usage(void)
{
	fputs("usage: store-bench [ACCOUNTS [SECONDS [DIRECTORY]]]\n"
	      "       store-bench fill ACCOUNTS STORE\n"
	      "       store-bench transitions ACCOUNTS SECONDS STORE\n"
	      "       store-bench disk SECONDS DIRECTORY\n",
		stderr);
	return 64;
}

static int bench_part(const struct bench_part *part, char **arguments)
{
	struct bench bench = { .accounts = 1, .duration = 1 };

	for (size_t i = 0; i < 1u + part->accounts + part->seconds; i++)
		if (arguments[i] == NULL)
			return bench_usage();
	if (part->accounts)
		bench.accounts = strtoull(*arguments++, NULL, 10);
	if (part->seconds)
		bench.duration = 1000 * atoi(*arguments++);
	if (bench.accounts == 0 || bench.duration <= 0 || arguments[1] != NULL)
		return bench_usage();
	bench.directory = arguments[0];
	bench.uri = xasprintf("bdb:%s", bench.directory);
	part->run(&bench);
	free(bench.uri);
	return 0;
}

int main(int argc, char **argv)
{
	const struct bench_part *part =
		argc > 1 ? bench_part_find(argv[1]) : NULL;
	struct bench bench = {
		.accounts = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
		.duration = 1000 * (argc > 2 ? atoi(argv[2]) : 3),
	};

	if (part != NULL)
		return bench_part(part, argv + 2);
	if (bench.accounts == 0 || bench.duration <= 0 || argc > 4)
		return bench_usage();
	return bench_default(&bench, argc > 3 ? argv[3] : "/tmp");
}
