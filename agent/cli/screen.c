/* Lines drawn in place: see screen.h. */
#include "agent/cli/screen.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
	(void)signum;
	stopped = 1;
}

void screen_begin(struct screen *s)
{
	struct sigaction action = { .sa_handler = on_signal };

	s->drawn = 0;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void screen_size(size_t *columns, size_t *rows)
{
	struct winsize w;

	*columns = 79;
	*rows = 23;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < 20 || w.ws_row < 3)
		return;
	/* A character in the last column would make some terminals wrap; the last row is for the cursor. */
	*columns = w.ws_col - 1U;
	*rows = w.ws_row - 1U;
}

void screen_draw(struct screen *s, char *const *lines, size_t n)
{
	size_t columns;
	size_t rows;
	size_t shown;

	screen_size(&columns, &rows);
	shown = n > rows ? rows - 1 : n;
	if (s->drawn > 0)
		(void)printf("\x1b[%zuF", s->drawn);
	for (size_t i = 0; i < shown; i++)
		(void)printf("%s\x1b[K\n", lines[i]);
	if (shown < n)
		(void)printf("... and %zu more\x1b[K\n", n - shown);
	(void)fputs("\x1b[J", stdout);
	(void)fflush(stdout);
	s->drawn = shown < n ? shown + 1 : n;
}

bool screen_sleep(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)fflush(stdout);
	if (!stopped)
		(void)nanosleep(&t, NULL);
	return !stopped && !ferror(stdout);
}
