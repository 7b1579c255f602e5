/* See web_login.h. */
#include "agent/api/web_login.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/agent.h"
#include "agent/api/web_host.h"
#include "agent/api/web_password.h"
#include "agent/api/web_throttle.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { A_SECOND_MS = 1000 };

struct login_job {
	struct login_job *prev, *next;
	struct web_login *login;   /* NULL: it is gone */
	struct control_call *call; /* NULL: the client is */
	char *text;                /* owned; overwritten before it is freed */
	bool sets;
	struct web_password password; /* to compare with; or the new one */
	bool good;                    /* it is the one; or it could be made */
	struct web_host host;
	web_login_fn *fn;
	void *arg;
};

struct web_login {
	struct loop *loop;
	struct agent *agent;
	int home_dirfd;
	struct web_throttle *throttle;
	struct web_password password;
	bool has_password;
	char *problem;          /* owned; why it is not known whether there is one; NULL */
	struct login_job *jobs; /* the first one is under way */
	int njobs;
	uint64_t wrong;
};

struct web_login *web_login_new(struct loop *loop, struct agent *agent, int home_dirfd)
{
	struct web_login *l = MEM_NEW(struct web_login);

	l->loop = loop;
	l->agent = agent;
	l->home_dirfd = home_dirfd;
	l->throttle = web_throttle_new();
	l->has_password = web_password_load(&l->password, home_dirfd, &l->problem) > 0;
	return l;
}

static void job_free(struct login_job *job)
{
	explicit_bzero(job->text, strlen(job->text));
	free(job->text);
	free(job);
}

void web_login_free(struct web_login *l)
{
	struct login_job *job, *next;

	if (l == NULL)
		return;
	DL_FOREACH_SAFE(l->jobs, job, next) {
		/* The first one is a worker's still, and frees itself. */
		if (job == l->jobs)
			job->login = NULL;
		else
			job_free(job);
	}
	web_throttle_free(l->throttle);
	free(l->problem);
	free(l);
}

int web_login_ready(const struct web_login *l, char **why)
{
	if (l->problem == NULL)
		return l->has_password;
	*why = mem_strdup(l->problem);
	return -1;
}

uint64_t web_login_wrong(const struct web_login *l)
{
	return l->wrong;
}

static int64_t login_now_s(const struct web_login *l)
{
	return loop_now_ms(l->loop) / A_SECOND_MS;
}

/* --- on a worker --- */

static void login_work(void *arg)
{
	struct login_job *job = arg;

	if (job->sets)
		job->good = web_password_make(&job->password, job->text) == 0;
	else
		job->good = web_password_is(&job->password, job->text);
}

/* --- back on the loop --- */

static void keep_password(struct web_login *l, const struct web_password *password)
{
	l->has_password = password != NULL;
	if (password != NULL)
		l->password = *password;
	free(l->problem);
	l->problem = NULL;
}

static void login_set(struct web_login *l, struct login_job *job)
{
	char *why = NULL;

	if (!job->good)
		why = mem_strdup("there is no memory for scrypt");
	else if (web_password_store(&job->password, l->home_dirfd, &why) == 0)
		keep_password(l, &job->password);
	if (why == NULL)
		job->fn(job->arg, job->call);
	else if (job->call != NULL)
		control_fail(job->call, 409, "%s", why);
	free(why);
}

static void login_tried(struct web_login *l, struct login_job *job)
{
	char from[WEB_HOST_TEXT], *key;

	/* It may have been changed meanwhile. */
	job->good = job->good && l->has_password && sha256_same(job->password.hash, l->password.hash);
	if (job->good) {
		web_throttle_right(l->throttle, &job->host, login_now_s(l));
		if (job->call != NULL)
			job->fn(job->arg, job->call);
		return;
	}
	l->wrong++;
	if (job->call == NULL)
		return;
	web_host_text(from, control_address(job->call));
	key = mem_printf("wrong password %s", from);
	if (log_allow(key, 1))
		log_warn("the page: wrong password from %s (%" PRIu64 " wrong ones in this run)", from, l->wrong);
	free(key);
	control_fail(job->call, 403, "this is not the password");
}

static void login_begin(struct web_login *l);

static void login_done(void *arg)
{
	struct login_job *job = arg;
	struct web_login *l = job->login;

	if (l != NULL) {
		DL_DELETE(l->jobs, job);
		l->njobs--;
		if (job->sets)
			login_set(l, job);
		else
			login_tried(l, job);
		login_begin(l);
	}
	job_free(job);
}

static void login_begin(struct web_login *l)
{
	if (l->jobs != NULL)
		agent_work(l->agent, login_work, login_done, l->jobs);
}

static void login_gone(void *state)
{
	((struct login_job *)state)->call = NULL;
}

/* NULL after an answer: there are too many. */
static struct login_job *login_job_new(struct web_login *l, struct control_call *call, const char *text,
                                       web_login_fn *fn, void *arg)
{
	struct login_job *job;

	if (l->njobs > WEB_LOGIN_WAITING) {
		control_fail(call, 503, "other passwords are being checked: try again in a few seconds");
		return NULL;
	}
	job = MEM_NEW(struct login_job);
	*job = (struct login_job){ .login = l, .call = call, .text = mem_strdup(text), .fn = fn, .arg = arg };
	return job;
}

static void login_submit(struct web_login *l, struct login_job *job)
{
	control_defer(job->call, login_gone, job);
	DL_APPEND(l->jobs, job);
	if (++l->njobs == 1)
		login_begin(l);
}

void web_login_try(struct web_login *l, struct control_call *call, const char *text, web_login_fn *right, void *arg)
{
	struct login_job *job;
	struct web_host host;
	int64_t wait_s;

	if (!l->has_password) {
		control_fail(call, 403, "no password is set: run lanyard web --password on the agent's machine");
		return;
	}
	job = login_job_new(l, call, text, right, arg);
	if (job == NULL)
		return;
	web_host_of(&host, control_address(call));
	wait_s = web_throttle_try(l->throttle, &host, login_now_s(l));
	if (wait_s > 0) {
		job_free(job);
		control_fail(call, 429, "too many passwords were tried: try again in %" PRId64 " s", wait_s);
		return;
	}
	job->host = host;
	job->password = l->password;
	login_submit(l, job);
}

void web_login_set(struct web_login *l, struct control_call *call, const char *text, web_login_fn *done, void *arg)
{
	struct login_job *job;
	char *why = NULL;

	if (text == NULL && web_password_store(NULL, l->home_dirfd, &why) < 0) {
		control_fail(call, 409, "%s", why);
		free(why);
	} else if (text == NULL) {
		keep_password(l, NULL);
		done(arg, call);
	} else if (strlen(text) < WEB_PASSWORD_MIN || strlen(text) > WEB_PASSWORD_MAX) {
		control_fail(call, 400, "a password has %d to %d bytes", WEB_PASSWORD_MIN, WEB_PASSWORD_MAX);
	} else if ((job = login_job_new(l, call, text, done, arg)) != NULL) {
		job->sets = true;
		login_submit(l, job);
	}
}
