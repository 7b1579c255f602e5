/* How often each thing that runs are meant to exercise really happened. The counts are in memory that all runs of
 * one command share. The summary prints them, and the command fails if one never happened over the fixed seeds: a
 * thing that is not exercised is not tested. */
#ifndef LANYARD_TESTS_SIM_TALLY_H
#define LANYARD_TESTS_SIM_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, what the summary calls it */
#define TALLY_LIST(X)                                                        \
	X(OVERTAKEN, "frames overtaken by later ones of another connection") \
	X(MID_FRAME, "frames lost in their middle or before")                \
	X(PARTITIONED, "times a partition held frames up")                   \
	X(SILENT_CRASH, "crashes nobody heard of")                           \
	X(LOUD_CRASH, "crashes heard of")                                    \
	X(CRASH_JOBS_OUT, "crashes with jobs out")                           \
	X(CRASH_WRITTEN, "crashes after a written part")                     \
	X(CRASH_LOOKED, "crashes after the second check")                    \
	X(CRASH_SWAPPED, "crashes after an exchange")                        \
	X(CRASH_PLACED, "crashes between a rename and its row")              \
	X(RACE_WRITTEN, "user actions after a written part")                 \
	X(RACE_LOOKED, "user actions after the second check")                \
	X(RACE_SWAPPED, "user actions after an exchange")                    \
	X(RACE_PLACED, "user actions between a rename and its row")          \
	X(JOB_OVERTAKES, "jobs that came back before older ones")            \
	X(JOB_SLOW, "slow jobs")                                             \
	X(HINT_LOST, "hints lost")                                           \
	X(HINT_TWICE, "hints repeated")                                      \
	X(HINT_LATE, "hints late")                                           \
	X(HINT_HALVES, "moves seen as two halves")                           \
	X(GATHERED, "files and folders moved to where nobody watched yet")   \
	X(OVERFLOW, "watches overflowed")                                    \
	X(BLIND, "starts without a watch")                                   \
	X(CLOCK_WRONG, "starts with a wrong clock")                          \
	X(CLOCK_JUMP, "clocks that jumped an hour")                          \
	X(CLOCK_LEAP, "clocks that jumped years")                            \
	X(ENOSPC, "calls failed with ENOSPC")                                \
	X(EDQUOT, "calls failed with EDQUOT")                                \
	X(EIO, "calls failed with EIO")                                      \
	X(EMFILE, "calls failed with EMFILE")                                \
	X(ENOMEM, "calls failed with ENOMEM")                                \
	X(EACCES, "calls failed with EACCES")                                \
	X(EINTR, "calls interrupted")                                        \
	X(SHORT_WRITE, "short writes")                                       \
	X(SHORT_READ, "short reads")                                         \
	X(FAULT_OPEN, "failed opens")                                        \
	X(FAULT_READ, "failed reads")                                        \
	X(FAULT_WRITE, "failed writes")                                      \
	X(FAULT_SYNC, "failed fsyncs")                                       \
	X(FAULT_NAME, "failed renames, mkdirs, links and unlinks")           \
	X(FAULT_META, "failed chmods and utimens")                           \
	X(FAULT_LOOK, "failed stats")                                        \
	X(FAULT_SQLITE, "failed calls of SQLite")                            \
	X(LACKED, "calls refused by a disk that lacks the call")             \
	X(MODE_LOST, "modes that a disk did not keep")                       \
	X(TIME_LOST, "times that a disk did not keep")                       \
	X(LOSSY, "hosts on disks that lack something")                       \
	X(LOSSY_JUDGED, "trees searched for the marks of lossy disks")       \
	X(INDEX_LOST, "indexes lost")                                        \
	X(INDEX_OLD, "indexes restored from an older copy")                  \
	X(INDEX_DAMAGED, "indexes with bits flipped")                        \
	X(INDEX_CUT, "indexes cut short")                                    \
	X(HOME_OLD, "homes restored from an older copy")                     \
	X(JOINED, "joins by invite")                                         \
	X(JOINED_AGAIN, "joins of one that had left")                        \
	X(LEFT_KEEPS, "members that left and kept the folder")               \
	X(LEFT_FORGETS, "members that left and emptied the folder")          \
	X(READS, "members made readers")                                     \
	X(WRITES, "readers made members or owners")                          \
	X(READER_WROTE, "contents that a reader's user made")                \
	X(MIRROR, "hosts made mirrors")                                      \
	X(ON_DEMAND, "hosts made to keep what they chose")                   \
	X(GOT, "paths chosen")                                               \
	X(DROPPED, "paths dropped")                                          \
	X(DROP_REFUSED, "drops refused")                                     \
	X(UNSHARED, "paths unshared")                                        \
	X(SHARED, "paths shared again")                                      \
	X(REVERTED, "readers' changes reverted")                             \
	X(CHOSEN_AWAY, "paths that a tree lacked by choice")                 \
	X(REMOVED, "members removed")                                        \
	X(ABSENT, "returns after days")                                      \
	X(HELD, "bursts of deletions held")                                  \
	X(HELD_OTHER, "bursts of a member that another held")                \
	X(RELEASED, "bursts of deletions released")                          \
	X(RESTORED, "versions restored")                                     \
	X(RESOLVED, "conflicts resolved")                                    \
	X(RESUMED, "downloads resumed with verified blocks")                 \
	X(ZEROS, "blocks of zeros that came from nobody")                    \
	X(MAPS, "maps of blocks that members told one another")              \
	X(HAVES, "messages about more blocks")                               \
	X(ANYS, "messages that asked for any block")                         \
	X(CHOSEN, "blocks that their giver chose")                           \
	X(OUTS, "answers that all blocks are out")                           \
	X(RANGES, "messages that compared ranges")                           \
	X(SAME, "records of what both had when they met")                    \
	X(COMINGS, "messages about files that had no record yet")            \
	X(PIECES, "pieces of files that users wrote slowly")                 \
	X(SLOW_COMINGS, "messages about files that were being written")      \
	X(SLOW_CUT_SHORT, "of those files, cut short meanwhile")             \
	X(SLOW_PATCHED, "of those files, changed before their end")          \
	X(SLOW_MOVED, "of those files, moved meanwhile")                     \
	X(SLOW_DELETED, "of those files, deleted meanwhile")                 \
	X(SLOW_REPLACED, "of those files, replaced meanwhile")               \
	X(SLOW_WRITER_DIED, "of those files, their agent crashed meanwhile") \
	X(SLOW_READER_DIED, "of those files, another agent crashed")         \
	X(COMING_ENDS, "messages that no more comes of such a file")         \
	X(COMING_TAKEN, "hosts that took bytes that came before a record")   \
	X(COMING_DROPPED, "hosts that threw such bytes away")                \
	X(RELAYS, "messages by which small files were passed on")            \
	X(LEAVES, "requests for digests of leaves, and for leaves")          \
	X(UNANSWERED, "answers that a silent member kept to itself")         \
	X(CROWD, "records that a forger gave a crowd")                       \
	X(USURPED, "records that a reader forged")                           \
	X(NEVER_WAS, "deletions of paths that never existed")                \
	X(FULL, "records sent with a full version")                          \
	X(VAULTS, "hosts that began as vaults")                              \
	X(APART, "runs in which members met at vaults only, to the end")     \
	X(VAULT_MADE, "members made vaults")                                 \
	X(VAULT_REMOVED, "vaults removed")                                   \
	X(VAULT_FULL, "moments at which a vault was full")                   \
	X(VAULT_ROT, "objects of vaults that rotted")                        \
	X(VAULT_REPAIRED, "of those, found by a verification in the end")    \
	X(VAULT_POWER, "power cuts of vaults")                               \
	X(VAULT_HARMED, "homes of vaults that came to harm")                 \
	X(VAULT_GAVE, "objects that vaults gave")                            \
	X(VAULT_MAIL, "envelopes left at vaults")                            \
	X(VAULT_WHOLE, "rows of vaults found whole")                         \
	X(VAULT_SEARCHED, "bytes to and from vaults that were searched")     \
	X(HONEST, "moments at which all said in sync and were")              \
	X(AFTERMATH, "indexes lost, old or damaged when all was quiet")

enum tally {
#define X(name, text) TALLY_##name,
	TALLY_LIST(X)
#undef X
		TALLY_KINDS
};

/* Where to count; NULL: nowhere. */
void tally_into(uint64_t counts[TALLY_KINDS]);
void tally_add(enum tally what);
void tally_count(enum tally what, uint64_t n);
/* Counts a message that is sent. body: what follows the head, not compressed. True: it says only that no more comes
 * of a file that was told of before its record, which is said late where nobody saw what became of the file. */
bool tally_frame(uint8_t type, const uint8_t *head, size_t head_n, const uint8_t *body, size_t body_n);
/* One line each, to stdout. */
void tally_print(const uint64_t counts[TALLY_KINDS]);
/* Reports on stderr those that never happened; true if there is one. */
bool tally_lacks(const uint64_t counts[TALLY_KINDS]);

#endif
