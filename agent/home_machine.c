/* See home_machine.h. The ID itself is confidential (machine-id(5)): only a hash that nothing else uses is stored. */
#include "agent/home_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { HASH_BYTES = 16, ID_MAX = 256 };

static const char name[] = "machine", salt[] = "lanyard home on ";

/* As hex; false when this machine has no ID. */
static bool own_hash(char hex[2 * HASH_BYTES + 1])
{
	char id[ID_MAX + 1], salted[sizeof(salt) + ID_MAX];
	uint8_t hash[32];
	/* Opened by its absolute path, unlike everything else: early in a boot something is mounted over it. */
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, ID_MAX);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	id[n] = '\0';
	id[strcspn(id, "\n")] = '\0';
	if (id[0] == '\0')
		return false;
	(void)snprintf(salted, sizeof(salted), "%s%s", salt, id);
	sha256(hash, salted, strlen(salted));
	hex_encode(hex, hash, HASH_BYTES);
	return true;
}

/* In place of the hash, where this machine has no ID. */
static const char nameless[] = "no-machine-id";

struct home_machine home_machine_check(int home_dirfd)
{
	struct home_machine m = { 0 };
	char hex[2 * HASH_BYTES + 1], *stored;
	size_t n = 0;

	stored = fs_read_file(home_dirfd, name, sizeof(m.text) - 1, &n);
	if (!own_hash(hex)) {
		m.moved = stored != NULL && strstr(stored, "moved") != NULL;
		free(stored);
		return m;
	}
	if (stored != NULL && strncmp(stored, nameless, strlen(nameless)) == 0) {
		m.moved = strstr(stored, "moved") != NULL;
	} else if (stored != NULL && n >= strlen(hex)) {
		m.fresh = strncmp(stored, hex, strlen(hex)) != 0;
		m.moved = m.fresh || strstr(stored, "moved") != NULL;
	}
	free(stored);
	(void)snprintf(m.text, sizeof(m.text), "%s%s\n", hex, m.moved ? " moved" : "");
	return m;
}

int home_machine_copied(int home_dirfd)
{
	struct home_machine m = { .moved = true };
	char hex[2 * HASH_BYTES + 1];

	(void)snprintf(m.text, sizeof(m.text), "%s moved\n", own_hash(hex) ? hex : nameless);
	return home_machine_store(home_dirfd, &m);
}

int home_machine_store(int home_dirfd, const struct home_machine *m)
{
	return m->text[0] == '\0' ? 0 : fs_write_file(home_dirfd, name, m->text, strlen(m->text), 0600);
}
