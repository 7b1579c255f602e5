/* See passphrase.h. */
#include "agent/cli/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

enum { PASSPHRASE_MAX = 1024 };

void passphrase_free(char *passphrase)
{
	if (passphrase != NULL)
		explicit_bzero(passphrase, strlen(passphrase));
	free(passphrase);
}

/* Waits for the next byte, and for no longer than until a signal comes, of those that `heard` lets through. */
static bool byte_comes(int fd, const sigset_t *heard)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return heard == NULL || ppoll(&one, 1, NULL, heard) > 0;
}

/* One line of at most PASSPHRASE_MAX bytes, without its newline, byte by byte: what follows it on standard input is not
 * ours. heard: as above; NULL: all signals do what they did. NULL with errno: 0 for a line that is empty, E2BIG for one
 * that is too long. */
static char *read_line(int fd, const sigset_t *heard)
{
	char *line = mem_calloc(PASSPHRASE_MAX + 2, 1);
	ssize_t got = -1;
	size_t n = 0;

	errno = 0;
	while (n <= PASSPHRASE_MAX && byte_comes(fd, heard) && (got = read(fd, line + n, 1)) == 1 && line[n] != '\n') {
		n++;
		got = -1;
	}
	if (n > PASSPHRASE_MAX) {
		got = 0;
		errno = E2BIG;
	} else if (got >= 0) {
		errno = 0;
	}
	line[n] = '\0';
	if (n > 0 && line[n - 1] == '\r')
		line[--n] = '\0';
	if (got >= 0 && n > 0 && n <= PASSPHRASE_MAX && strlen(line) == n)
		return line;
	explicit_bzero(line, PASSPHRASE_MAX + 2);
	free(line);
	return NULL;
}

static const int enders[] = { SIGINT, SIGQUIT, SIGTSTP, SIGTERM, SIGHUP };
enum { ENDERS = sizeof(enders) / sizeof(enders[0]) };

static void end_asking(int signal_number)
{
	(void)signal_number;
}

/* Signals, of keys or from elsewhere, end the asking instead of the process, which would leave a terminal that shows
 * nothing. They are heard only while this waits for the line. */
static char *ask(int tty, const char *prompt)
{
	const struct sigaction ends = { .sa_handler = end_asking };
	struct sigaction were[ENDERS];
	struct termios shown, hidden;
	sigset_t blocked, before;
	char *line;
	int error;

	if (tcgetattr(tty, &shown) < 0)
		return NULL;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	sigemptyset(&blocked);
	for (size_t i = 0; i < ENDERS; i++)
		sigaddset(&blocked, enders[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	for (size_t i = 0; i < ENDERS; i++)
		(void)sigaction(enders[i], &ends, &were[i]);
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	(void)dprintf(tty, "%s", prompt);
	line = read_line(tty, &before);
	error = errno;
	(void)tcsetattr(tty, TCSAFLUSH, &shown);
	for (size_t i = 0; i < ENDERS; i++)
		(void)sigaction(enders[i], &were[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return line;
}

void passphrase_keep_private(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void tell_missing(const struct passphrase_words *words)
{
	if (errno == E2BIG)
		cli_error("a %s has at most %d bytes", words->noun, PASSPHRASE_MAX);
	else
		cli_error("no %s was given", words->noun);
}

static char *ask_on_terminal(struct cli *cli, const struct passphrase_words *words, bool fresh, int *rc)
{
	int tty = isatty(STDERR_FILENO) != 0 ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
	char *first, *second = NULL;

	*rc = CLI_REFUSED;
	if (tty < 0) {
		*rc = cli_usage(cli,
		                "there is no terminal to ask for the %s: give --%s-file FILE, or - to read it from "
		                "standard input",
		                words->noun, words->noun);
		return NULL;
	}
	first = ask(tty, fresh ? words->make : words->ask);
	if (first != NULL && fresh)
		second = ask(tty, "The same again: ");
	if (first == NULL || (fresh && second == NULL))
		tell_missing(words);
	close(tty);
	if (first != NULL && fresh && (second == NULL || strcmp(first, second) != 0)) {
		if (second != NULL)
			cli_error("the two %ss differ", words->noun);
		passphrase_free(first);
		first = NULL;
	}
	passphrase_free(second);
	return first;
}

static char *read_from_file(const struct passphrase_words *words, const char *file)
{
	int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	char *line = fd >= 0 ? read_line(fd, NULL) : NULL;

	if (line == NULL && (fd < 0 || (errno != 0 && errno != E2BIG)))
		cli_error("%s: %s", file, strerror(errno));
	else if (line == NULL)
		cli_error("%s: its first line must be the %s, of 1 to %d bytes", file, words->noun, PASSPHRASE_MAX);
	if (fd > STDIN_FILENO)
		close(fd);
	return line;
}

char *passphrase_get(struct cli *cli, const struct passphrase_words *words, const char *file, bool fresh, int *rc)
{
	*rc = CLI_REFUSED;
	return file != NULL ? read_from_file(words, file) : ask_on_terminal(cli, words, fresh, rc);
}
