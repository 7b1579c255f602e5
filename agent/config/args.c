/* Command lines from tables: see args.h. */
#include "agent/config/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct args_option *find_option(const struct args_option *o, const char *name, size_t len)
{
	while (o->kind != ARGS_END) {
		if (o->kind == ARGS_MORE) {
			o = o->to;
			continue;
		}
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
		o++;
	}
	return NULL;
}

static int store_option(const struct args_option *o, const char *value, char **why)
{
	struct args_list *list = o->to;
	const char **text = o->to;

	switch (o->kind) {
	case ARGS_FLAG:
		*(bool *)o->to = true;
		return 0;
	case ARGS_LIST:
		list->v = mem_realloc(list->v, list->n + 1, sizeof(*list->v));
		list->v[list->n++] = value;
		return 0;
	default:
		if (*text != NULL) {
			*why = mem_printf("--%s is given twice", o->name);
			return -1;
		}
		*text = value;
		return 0;
	}
}

/* One option at argv[0]; returns how many words it took, -1 with *why. */
static int parse_option(const struct args_option *options, int argc, char **argv, char **why)
{
	const char *name = argv[0] + strspn(argv[0], "-");
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct args_option *o = NULL;
	int used = 1;

	/* "-h" and "--home", but neither "-home" nor "--h". */
	if (len > 0 && name - argv[0] == (len == 1 ? 1 : 2))
		o = find_option(options, name, len);
	if (o == NULL) {
		*why = mem_printf("unknown option '%s'", argv[0]);
		return -1;
	}
	if (o->kind == ARGS_FLAG && value != NULL) {
		*why = mem_printf("--%s takes no value", o->name);
		return -1;
	}
	if (o->kind != ARGS_FLAG && value == NULL) {
		if (argc < 2) {
			*why = mem_printf("--%s needs a value", o->name);
			return -1;
		}
		value = argv[1];
		used = 2;
	}
	return store_option(o, value, why) < 0 ? -1 : used;
}

/* Words that are not options are collected at the front of argv as they come, so that options may stand anywhere. */
int args_parse(const struct args_option *options, bool stop, int argc, char **argv, char **why)
{
	bool ended = false;
	int words = 0;

	for (int i = 0; i < argc;) {
		int used;

		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
			i++;
			continue;
		}
		if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
			if (stop)
				return i;
			argv[words++] = argv[i++];
			continue;
		}
		used = parse_option(options, argc - i, argv + i, why);
		if (used < 0)
			return -1;
		i += used;
	}
	return stop ? argc : words;
}

int args_number(const char *text, int64_t min, int64_t max, int64_t *n)
{
	char *end;
	long long v;

	/* strtoll() would skip space and take a plus sign. */
	if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
		return -1;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return -1;
	*n = v;
	return 0;
}

int args_duration(const char *text, int64_t *seconds)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	static const int64_t century = INT64_C(100) * 365 * 86400;
	size_t len = strlen(text);
	int64_t unit = 1;
	char digits[16];
	int64_t n;

	for (size_t i = 0; len > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (text[len - 1] == units[i].letter) {
			unit = units[i].seconds;
			len--;
			break;
		}
	}
	if (len == 0 || len >= sizeof(digits))
		return -1;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (args_number(digits, 1, century / unit, &n) < 0)
		return -1;
	*seconds = n * unit;
	return 0;
}

int args_size(const char *text, int thousand, int64_t *bytes)
{
	static const char letters[] = "KMG";
	static const int64_t most = INT64_C(1000000000000000);
	size_t len = strlen(text);
	int64_t unit = 1;
	char digits[20];
	int64_t n;

	for (size_t i = 0; len > 0 && letters[i] != '\0'; i++) {
		unit *= thousand;
		if (text[len - 1] == letters[i]) {
			len--;
			break;
		}
		if (letters[i + 1] == '\0')
			unit = 1;
	}
	if (len == 0 || len >= sizeof(digits))
		return -1;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (args_number(digits, 1, most / unit, &n) < 0)
		return -1;
	*bytes = n * unit;
	return 0;
}
