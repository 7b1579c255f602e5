/* One line per event that an admin may want to read. When systemd reads stderr (JOURNAL_STREAM names its device and
 * inode), lines go to the journal, with fields, or with <N> priorities to stderr if the journal does not take the
 * entry. Otherwise they go to stderr with time and level.
 *
 * One cause, which is a call's format, may write at most LOG_A_MINUTE_MAX lines per minute (debug:
 * LOG_DEBUG_A_MINUTE_MAX), so that nobody on the network can fill the disk; the log says how many were suppressed.
 * Control bytes and invalid UTF-8 in the text are escaped as \xNN, so no name from a disk or a peer can forge a
 * line. Any thread. */
#ifndef LANYARD_BASE_LOG_H
#define LANYARD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_escape.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);
/* "error", "warn", "info" or "debug"; -1 for anything else. */
int log_level_parse(const char *name, enum log_level *level);
/* Lines go to fn instead of stderr (tests, `events`), on the thread that logs; NULL restores stderr. text has no
 * newline and is escaped. */
void log_set_sink(void (*fn)(void *arg, enum log_level level, const char *text), void *arg);

/* The subject of a line, for the journal's fields GROUP, PEER and FILE. NULL or "": none. Bytes as they are. */
struct log_about {
	const char *group; /* its name */
	const char *peer;  /* agent ID text */
	const char *file;  /* path in the share */
};

enum { LOG_A_MINUTE_MAX = 120, LOG_DEBUG_A_MINUTE_MAX = 6000 };

/* Where the journal listens; NULL restores the usual place. For tests. */
void log_set_journal(const char *path);

void log_about(enum log_level level, const struct log_about *about, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* A gate for messages whose cause may repeat for ever: true at most `burst` times per minute and key, so that no peer
 * can fill the disk. Keeps at most 256 keys. Loop's thread. */
bool log_allow(const char *key, int burst);

#endif
