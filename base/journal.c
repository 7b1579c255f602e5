/* Entries for journald, see journal.h. Every field goes out in the protocol's binary form (name, newline, length as
 * 64 bits little endian, bytes, newline), so that no byte in a name can begin another field. */
#include "base/journal.h"

#include <endian.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"

enum { ENTRY_MAX = 128 << 10 /* bytes; a socket's buffer takes more */ };

const char journal_socket[] = "/run/systemd/journal/socket";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int sender = -1; /* stays open as long as the process runs */

static void open_sender(void)
{
	sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Appends a field. -1 when it does not fit. */
static int add_field(struct bytes *out, const char *name, const char *value)
{
	uint64_t len = value != NULL ? strlen(value) : 0;
	uint64_t little = htole64(len);

	if (len == 0)
		return 0;
	return bytes_append(out, name, strlen(name)) || bytes_append(out, "\n", 1) ||
	                       bytes_append(out, &little, sizeof(little)) || bytes_append(out, value, len) ||
	                       bytes_append(out, "\n", 1)
	               ? -1
	               : 0;
}

int journal_send(const char *path, const struct journal_entry *entry)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct bytes out = BYTES_INIT(ENTRY_MAX);
	char priority[12];
	int rc = -1;

	if (strlen(path) >= sizeof(to.sun_path))
		return -1;
	pthread_once(&once, open_sender);
	memcpy(to.sun_path, path, strlen(path));
	(void)snprintf(priority, sizeof(priority), "%d", entry->priority);
	if (add_field(&out, "MESSAGE", entry->text) == 0 && add_field(&out, "PRIORITY", priority) == 0 &&
	    add_field(&out, "SYSLOG_IDENTIFIER", "lanyardd") == 0 && add_field(&out, "GROUP", entry->group) == 0 &&
	    add_field(&out, "PEER", entry->peer) == 0 && add_field(&out, "FILE", entry->file) == 0 && sender >= 0 &&
	    sendto(sender, out.p, out.len, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to)) >= 0)
		rc = 0;
	bytes_free(&out);
	return rc;
}
