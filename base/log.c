/* Lines for the admin, escaped, each in one write(2): see log.h. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
	MAX_TEXT = 16 * 1024, /* bytes of one message before escaping; the rest is cut off */
	MAX_CAUSES = 1021,    /* places for causes, each counted by itself */
	MAX_KEYS = 256,       /* keys that log_allow() tells apart */
};

/* How each level is written: for users, and as syslog(3)'s priority. */
static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_ERROR] = { "error", 3 },
	[LOG_WARN] = { "warn", 4 },
	[LOG_INFO] = { "info", 6 },
	[LOG_DEBUG] = { "debug", 7 },
};

typedef void sink_fn(void *arg, enum log_level level, const char *text);

static atomic_int max_level = LOG_INFO;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static sink_fn *sink;
static void *sink_arg;

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

void log_set_sink(sink_fn *fn, void *arg)
{
	pthread_mutex_lock(&sink_lock);
	sink = fn;
	sink_arg = arg;
	pthread_mutex_unlock(&sink_lock);
}

/* systemd sets JOURNAL_STREAM to the device and inode of the stderr it made; a redirected stderr does not match. */
static bool stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long dev;
	unsigned long long ino;
	struct stat st;
	char *end;

	if (env == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	dev = strtoull(env, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, &end, 10);
	return *end == '\0' && dev == st.st_dev && ino == st.st_ino;
}

static bool journal;
static _Atomic(const char *) journal_path = journal_socket;

void log_set_journal(const char *path)
{
	atomic_store(&journal_path, path != NULL ? path : journal_socket);
}

static void look_for_journal(void)
{
	journal = stderr_is_journal();
}

static void write_out(enum log_level level, const struct log_about *about, const char *text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char *line;
	ssize_t rc;

	pthread_once(&once, look_for_journal);
	if (journal) {
		struct journal_entry entry = { .priority = levels[level].priority, .text = text };

		if (about != NULL) {
			entry.group = about->group;
			entry.peer = about->peer;
			entry.file = about->file;
		}
		if (journal_send(atomic_load(&journal_path), &entry) == 0)
			return;
		line = mem_printf("<%d>%s\n", levels[level].priority, text);
	} else {
		int64_t ns = clock_wall_ns();
		time_t s = (time_t)clock_wall_s();
		struct tm tm;

		gmtime_r(&s, &tm);
		line = mem_printf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %-5s %s\n", tm.tm_year + 1900, tm.tm_mon + 1,
		                  tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)((ns - s * 1000000000) / 1000000),
		                  levels[level].name, text);
	}
	/* If stderr fails there is nowhere left to report it. */
	do {
		rc = write(STDERR_FILENO, line, strlen(line));
	} while (rc < 0 && errno == EINTR);
	free(line);
}

/* --- limits per cause --- */

/* A call's format stands for its cause. Formats are constants of this program, so their number is fixed. */
struct cause {
	const char *fmt;
	int64_t since; /* ns; start of this minute */
	int count;     /* of lines in this minute */
};

static const int64_t gate_minute = 60 * INT64_C(1000000000);

/* Whether one more line of this cause may go out. *left_out: how many were suppressed in the minute that has ended. */
static bool cause_allowed(const char *fmt, int most, int *left_out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct cause causes[MAX_CAUSES];
	size_t place = ((uintptr_t)fmt >> 3) % MAX_CAUSES;
	int64_t now = clock_wall_ns();
	struct cause *c = &causes[place];
	bool allowed;

	*left_out = 0;
	pthread_mutex_lock(&lock);
	/* There are more places than formats; two formats in one place could reset each other's count. */
	for (size_t i = 1; i < MAX_CAUSES && c->fmt != NULL && c->fmt != fmt; i++)
		c = &causes[(place + i) % MAX_CAUSES];
	if (c->fmt != fmt || now < c->since || now - c->since >= gate_minute) {
		if (c->fmt == fmt && c->count > most)
			*left_out = c->count - most;
		*c = (struct cause){ .fmt = fmt, .since = now };
	}
	allowed = c->count++ < most;
	pthread_mutex_unlock(&lock);
	return allowed;
}

/* --- a line --- */

static void put_line(enum log_level level, const struct log_about *about, const char *text)
{
	sink_fn *fn;
	void *arg;

	pthread_mutex_lock(&sink_lock);
	fn = sink;
	arg = sink_arg;
	pthread_mutex_unlock(&sink_lock);
	if (fn != NULL)
		fn(arg, level, text);
	else
		write_out(level, about, text);
}

/* The gate comes before any formatting, so that a flood costs little. errno stays, since callers log in the middle of
 * a failure. */
static void __attribute__((format(printf, 3, 0)))
write_line(enum log_level level, const struct log_about *about, const char *fmt, va_list ap)
{
	int saved_errno = errno;
	char *raw;
	char *text;
	size_t len;
	int left_out = 0;

	if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;
	if (!cause_allowed(fmt, level == LOG_DEBUG ? LOG_DEBUG_A_MINUTE_MAX : LOG_A_MINUTE_MAX, &left_out)) {
		errno = saved_errno;
		return;
	}
	raw = mem_calloc(1, MAX_TEXT);
	(void)vsnprintf(raw, MAX_TEXT, fmt, ap);
	len = strlen(raw);
	text = mem_calloc(len + 1, 4);
	log_escape_to(text, raw, len, false);
	free(raw);
	if (left_out > 0) {
		char *note = mem_printf("%d lines like the next one were suppressed", left_out);

		put_line(level, NULL, note);
		free(note);
	}
	put_line(level, about, text);
	free(text);
	errno = saved_errno;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(level, NULL, fmt, ap);
	va_end(ap);
}

void log_about(enum log_level level, const struct log_about *about, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(level, about, fmt, ap);
	va_end(ap);
}

/* One key's minute. The wall clock is used because tests can set it; a jump backwards only starts a new minute. */
struct gate {
	uint64_t hash;
	int64_t since; /* ns; start of this minute */
	int count;     /* passed in this minute */
};

static bool gate_expired(const struct gate *g, int64_t now)
{
	return now < g->since || now - g->since >= gate_minute;
}

/* FNV-1a from a start that no peer knows, so that keys cannot be chosen to collide. */
static uint64_t key_hash(const char *key)
{
	static uint64_t start;
	uint64_t h;

	while (start == 0)
		start = random_u64();
	h = start;
	for (; *key != '\0'; key++)
		h = (h ^ (uint8_t)*key) * 0x100000001b3;
	return h;
}

bool log_allow(const char *key, int burst)
{
	/* All keys that find no place share the last gate, so making up new keys opens no new gates. */
	static struct gate gates[MAX_KEYS];
	static int used;
	uint64_t hash = key_hash(key);
	int64_t now = clock_wall_ns();
	struct gate *g = NULL;

	for (int i = 0; i < used && (g == NULL || g->hash != hash); i++) {
		if (gates[i].hash == hash || (g == NULL && gate_expired(&gates[i], now)))
			g = &gates[i];
	}
	if (g == NULL) {
		g = &gates[used];
		if (used < MAX_KEYS - 1)
			used++;
		else
			hash = g->hash;
	}
	if (g->hash != hash || g->count == 0 || gate_expired(g, now))
		*g = (struct gate){ .hash = hash, .since = now };
	if (g->count >= burst)
		return false;
	g->count++;
	return true;
}
