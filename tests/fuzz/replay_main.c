/* Stands in for libFuzzer where there is only a compiler: runs a fuzz target once on every file of a corpus folder, in
 * the order of their names. Fails if there are none, so that a corpus cannot vanish unnoticed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_LEN = 1 << 24 };

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int replay(int dirfd, const char *name)
{
	size_t n = 0;
	char *text = fs_read_file(dirfd, name, MAX_INPUT_LEN, &n);
	uint8_t *exact;

	if (text == NULL) {
		perror(name);
		return -1;
	}
	/* Without the NUL that ends text, so that AddressSanitizer sees a read of one byte too many. */
	exact = realloc(text, n != 0 ? n : 1);
	if (exact == NULL)
		abort();
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	int dirfd = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int n = dirfd >= 0 ? scandir(argv[1], &entries, no_dots, alphasort) : -1;
	int failed = 0;

	if (n <= 0) {
		(void)fprintf(stderr, "usage: %s FOLDER, with at least one input in it\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		if (replay(dirfd, entries[i]->d_name) < 0)
			failed = 1;
		free(entries[i]);
	}
	free(entries);
	printf("%d inputs\n", n);
	return failed;
}
