/* Whether the share is there. A worker asks, since a disk need not answer, and reads the ignore rules at the same
 * time. A share that is not there is probed every few seconds, and opened again when it is back. See
 * local_internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"

enum { RETRY_MS = 5000 };

struct root_probe {
	struct local *local;
	struct share_handle *handle;
	bool reopen; /* the share is not there, as far as is known: if another folder stands there by now, opens that */
	/* The result: */
	char *why;                 /* owned; NULL: it is there */
	struct share *again;       /* the share, opened again; NULL: it is the same one */
	struct share_rules *rules; /* NULL: not read */
	int access_error;          /* errno; 0: the agent may read and write it */
};

static void root_probe_work(void *arg)
{
	struct root_probe *k = arg;

	k->access_error = faccessat(AT_FDCWD, k->handle->path, R_OK | W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
	if (share_handle_check(k->handle, &k->why) == 0) {
		k->rules = share_read_rules(k->handle->root);
	} else if (k->reopen) {
		free(k->why);
		k->again = share_open(k->handle->path, false, true, k->handle->marker, &k->why);
	}
}

static void root_probe_free(struct root_probe *k)
{
	share_free(k->again);
	share_rules_free(k->rules);
	share_handle_free(k->handle);
	free(k->why);
	free(k);
}

static void root_probed(void *arg);

static void root_submit(struct local *l, bool reopen)
{
	struct root_probe *k = MEM_NEW(struct root_probe);

	k->handle = share_handle_of(l->c.share);
	if (k->handle == NULL) {
		local_fail(l, mem_printf("%s: %s", share_path(l->c.share), strerror(errno)));
		free(k);
		return;
	}
	k->local = l;
	k->reopen = reopen;
	l->root.out = k;
	local_ref(l);
	workers_submit(l->c.workers, WORKERS_QUICK, root_probe_work, root_probed, k);
}

static void take_rules(struct local *l, struct root_probe *k)
{
	bool changed = share_take_rules(l->c.share, k->rules);
	const char *why = share_rules_problem(l->c.share);

	k->rules = NULL;
	l->root.rules_fresh = true;
	if (why != NULL)
		problem_add(l->problems, SHARE_IGNORE_FILE, PROBLEM_PARTLY, why, l->scan.walk_no);
	else
		problem_clear(l->problems, SHARE_IGNORE_FILE);
	l->root.rules_hinted = l->root.again;
	if (!changed)
		return;
	if (l->c.rules_changed != NULL)
		l->c.rules_changed(l->c.arg);
	local_rescan(l);
}

/* The share could not be used; perhaps it can be now. */
static void take_reopened(struct local *l, struct root_probe *k)
{
	if (k->why == NULL && k->again != NULL) {
		(void)share_move(l->c.share, k->again, &k->why);
		k->again = NULL;
	}
	if (k->why != NULL) {
		local_set_text(&l->error, k->why);
		k->why = NULL;
		loop_timer_start(l->retry_timer, RETRY_MS, 0);
		return;
	}
	log_about(LOG_INFO, share_about(l->c.share), "%s: is back; rescanning", share_path(l->c.share));
	l->root.back(l);
}

static void root_probed(void *arg)
{
	struct root_probe *k = arg;
	struct local *l = k->local;

	if (l->root.out != k) {
		/* Freed, or reset: the result does not count any more. */
		root_probe_free(k);
		local_unref(l);
		return;
	}
	l->root.out = NULL;
	share_set_access(l->c.share, k->access_error);
	if (k->reopen) {
		take_reopened(l, k);
	} else if (k->why != NULL) {
		local_fail(l, k->why);
		k->why = NULL;
	} else {
		take_rules(l, k);
		if (l->root.mounts)
			recheck_mounts(l);
		l->root.mounts = false;
	}
	if (l->root.again && l->error == NULL)
		root_submit(l, false);
	l->root.again = false;
	root_probe_free(k);
	local_wake(l);
	local_unref(l);
}

void root_ask(struct local *l, bool mounts)
{
	if (l->handle == NULL || l->error != NULL)
		return;
	l->root.mounts |= mounts;
	if (l->root.out != NULL)
		l->root.again = true;
	else
		root_submit(l, false);
}

bool root_asked(const struct local *l)
{
	return l->root.out != NULL && !l->root.out->reopen;
}

void root_retry(void *arg)
{
	struct local *l = arg;

	/* A disk that does not answer is asked only once. */
	if (l->root.out != NULL && l->root.out->reopen)
		return;
	/* A probe that is still out is of the share as it was: it does not count. */
	root_reset(l);
	root_submit(l, true);
}

void root_failed(struct local *l)
{
	root_reset(l);
	loop_timer_start(l->retry_timer, RETRY_MS, 0);
}

void root_reset(struct local *l)
{
	l->root.out = NULL;
	l->root.again = false;
	l->root.mounts = false;
	l->root.rules_hinted = false;
}
