/* The aftermath of choices: when all is quiet, a member keeps nothing, comes to harm, gets one file, edits and deletes
 * it; then all keep and share everything, and no tree may differ any more. See judge.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "tests/sim/aftermath_internal.h"
#include "tests/sim/forger.h"
#include "tests/sim/host.h"
#include "tests/sim/judge.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/tree.h"

enum { HARM_PERCENT = 40, COMMAND_S = 10, SIZE = 300, UNSHARED_MAX = 100, SCAN_S = 50 };

/* A choice takes effect by workers. */
static void choose_now(struct host *h, enum choice_of_user what, const char *path)
{
	host_choose(h, what, path);
	sim_run(COMMAND_S * SIM_S);
}

/* Whether each line of one text is in the other one, too. */
static bool has_all(const char *text, const char *lines)
{
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		char *line = mem_printf("\n%.*s\n", (int)(end - lines), lines), *all = mem_printf("\n%s", text);
		bool has = strstr(all, line) != NULL;

		free(line);
		free(all);
		if (!has)
			return false;
	}
	return true;
}

/* What a member does to its own disk by choice is nothing to the others. harmed: with an older or lost index, what
 * others have deleted and forgotten may come back, and what was set aside is found. */
static char *others_unmoved(const char *before, const struct host *h, bool harmed, const char *did)
{
	char *after = oracle_snapshot(&hosts_all[0]), *why = NULL;

	if (harmed ? !has_all(after, before) : strcmp(before, after) != 0)
		why = mem_printf(
			"absence by choice is told as a deletion: host %d %s, and host 0 had\n%s--- and has\n%s",
			h->number, did, before, after);
	free(after);
	return why;
}

static char *keeps_nothing(const struct script *s, const struct host *h)
{
	struct tree t;
	char *why = NULL;

	tree_read(&t, h->share, "");
	for (size_t i = 0; i < t.n && !why && !s->line && !forger_is_at_work(); i++)
		if (t.leaves[i].st.kind != S_IFDIR && !host_may_differ(h, t.leaves[i].path))
			why = mem_printf("host %d still has %s, which was dropped and others have", h->number,
			                 t.leaves[i].path);
	tree_free(&t);
	return why;
}

static char *drop_all(const struct script *s, struct host *h, uint64_t *luck)
{
	char *before = oracle_snapshot(&hosts_all[0]), *why;

	choose_now(h, CHOICE_ON_DEMAND, "");
	choose_now(h, CHOICE_DROP, "");
	/* When a name of a file goes, its others look changed, and are refused until a scan has seen them. */
	sim_run(SCAN_S * SIM_S);
	choose_now(h, CHOICE_DROP, "");
	why = judge_converges();
	if (!why)
		why = keeps_nothing(s, h);
	if (!why)
		why = others_unmoved(before, h, false, "dropped everything");
	if (!why && sim_chance(luck, HARM_PERCENT)) {
		enum home_harm what = (enum home_harm)sim_below(luck, HOME_HARMS);

		host_stop(h);
		(void)home_harm(h, what, sim_next(luck));
		host_start(h);
		host_pause(h, false); /* as an older home may have had it */
		why = judge_converges();
		if (!why)
			why = others_unmoved(before, h, true, "dropped everything, and came to harm");
	}
	free(before);
	return why;
}

static char *any_file(const struct host *h, uint64_t *luck)
{
	char *path = NULL;
	struct tree t;

	tree_read(&t, h->share, "");
	for (size_t i = 0, at = t.n > 0 ? sim_below(luck, t.n) : 0; i < t.n && !path; i++) {
		const struct leaf *leaf = &t.leaves[(at + i) % t.n];

		if (leaf->st.kind == S_IFREG)
			path = mem_strdup(leaf->path);
	}
	tree_free(&t);
	return path;
}

static bool has(const struct host *h, const char *path)
{
	char *full = mem_printf("%s/%s", h->share, path);
	struct stat st;
	bool there = lstat(full, &st) == 0;

	free(full);
	return there;
}

/* An edit and a deletion of what was got have their effect everywhere. */
static char *get_one(struct host *h, uint64_t *luck)
{
	char *path = any_file(&hosts_all[0], luck), *why;

	if (!path || host_may_differ(h, path)) {
		free(path);
		return NULL;
	}
	choose_now(h, CHOICE_GET_PATH, path);
	why = judge_converges();
	if (!why && !has(h, path))
		why = mem_printf("host %d has not %s, which it chose", h->number, path);
	if (!why) {
		aftermath_write(h, path, SIZE, luck);
		why = judge_converges();
	}
	if (!why) {
		aftermath_delete(h, path);
		why = judge_converges();
	}
	if (!why && has(&hosts_all[0], path))
		why = mem_printf("host %d deleted %s, and host 0 still has it", h->number, path);
	free(path);
	return why;
}

/* --- all keep and share everything --- */

static bool keep_path(void *arg, const char *path, enum aside_reason why)
{
	char **kept = arg;

	*kept = mem_printf("%s (%d)", path, (int)why);
	return false;
}

static char *nothing_aside(void)
{
	char *kept = NULL, *why = NULL;

	for (int i = 0; i < hosts_n && !why; i++) {
		struct index *index = hosts_all[i].engine ? hosts_all[i].engine->index : NULL;

		if (hosts_all[i].place == HOST_MEMBER && !hosts_all[i].vault && index)
			index_asides(index, "", "", 1, keep_path, &kept);
		if (kept)
			why = mem_printf("host %d keeps %s to itself although everything is shared", i, kept);
	}
	free(kept);
	return why;
}

static char *share_all(uint64_t *luck)
{
	char *why, *path;

	for (int i = 0; i < hosts_n; i++) {
		struct host *h = &hosts_all[i];

		if (h->place != HOST_MEMBER || h->vault)
			continue;
		choose_now(h, CHOICE_MIRROR, "");
		for (int n = 0; n < UNSHARED_MAX && (path = host_any_unshared(h, luck)); n++) {
			choose_now(h, CHOICE_SHARE, path);
			free(path);
		}
		if (host_is_reader(h))
			host_reverts(h);
		else
			choose_now(h, CHOICE_SHARE, "");
	}
	why = judge_converges();
	return why ? why : nothing_aside();
}

char *aftermath_choices(const struct script *s, uint64_t *luck)
{
	struct host *h = aftermath_writer(luck, NULL);
	char *why = NULL;

	if (script_chooses(s, h->number)) {
		why = drop_all(s, h, luck);
		if (!why)
			why = get_one(h, luck);
	}
	return why ? why : share_all(luck);
}
