/* Looks for what a vault may not see: see secrets.h. What is secret is known by words of eight bytes, of which a few
 * are taken of each content; a search tries each byte as the first one of a word. */
#include "tests/sim/secrets.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { WORD = sizeof(uint64_t), BITS = 14, SLOTS = 1 << BITS, PLAIN_BYTES = 6, FILE_MAX = 64 << 20 };

static uint64_t words[SLOTS]; /* a hash table, open; 0: free */
static size_t nwords;

static size_t slot_of(uint64_t word)
{
	return (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BITS));
}

static bool is_secret(uint64_t word)
{
	for (size_t at = slot_of(word); words[at] != 0; at = (at + 1) % SLOTS)
		if (words[at] == word)
			return true;
	return false;
}

/* Zeros, and what repeats itself, may be anywhere. */
static bool is_telling(const uint8_t *p)
{
	size_t others = 0;

	for (size_t i = 1; i < WORD; i++)
		others += p[i] != 0 && p[i] != p[i - 1];
	return others >= PLAIN_BYTES;
}

static void add_word(const uint8_t *p)
{
	size_t at;
	uint64_t word;

	memcpy(&word, p, WORD);
	if (!is_telling(p) || is_secret(word) || nwords == SLOTS / 2)
		return;
	for (at = slot_of(word); words[at] != 0; at = (at + 1) % SLOTS)
		;
	words[at] = word;
	nwords++;
}

void secrets_add(const uint8_t *p, size_t n)
{
	if (n < WORD)
		return;
	add_word(p);
	add_word(p + n - WORD);
	if (n >= (size_t)4 * WORD)
		add_word(p + n / 2);
}

const char *secrets_in(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + WORD <= n; i++) {
		uint64_t word;

		memcpy(&word, p + i, WORD);
		if (words[slot_of(word)] != 0 && is_secret(word))
			return "content or a key";
	}
	return n > 0 && memmem(p, n, SECRET_NAME, strlen(SECRET_NAME)) != NULL ? "the name of a file" : NULL;
}

static char *secret_file(const char *path)
{
	size_t n = 0;
	char *bytes = fs_read_file(AT_FDCWD, path, FILE_MAX, &n), *found = NULL;
	const char *what = bytes != NULL ? secrets_in((const uint8_t *)bytes, n) : NULL;

	if (what != NULL)
		found = mem_printf("%s is in %s", what, path);
	free(bytes);
	return found;
}

char *secrets_below(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	char *found = NULL;

	while (d != NULL && found == NULL && (e = readdir(d)) != NULL) {
		char *path = mem_printf("%s/%s", folder, e->d_name);
		struct stat st;

		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && lstat(path, &st) == 0) {
			found = secrets_in((const uint8_t *)e->d_name, strlen(e->d_name)) != NULL
			                ? mem_printf("the name of a file is at %s", path)
			        : S_ISDIR(st.st_mode) ? secrets_below(path)
			        : S_ISREG(st.st_mode) ? secret_file(path)
			                              : NULL;
		}
		free(path);
	}
	if (d != NULL)
		closedir(d);
	return found;
}
