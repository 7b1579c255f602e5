/* Closes a file of a disk that need not answer: see workers.h. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/workers.h"

static void close_it(void *fd)
{
	close(*(const int *)fd);
}

void workers_close(struct workers *w, int fd)
{
	if (fd >= 0)
		workers_submit(w, WORKERS_QUICK, close_it, free, mem_dup(&fd, sizeof(fd)));
}
