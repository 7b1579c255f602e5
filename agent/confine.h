/* What this process gives up for good at its start, whoever started it: core dumps (the key is in its memory), being
 * traced by its own user, new privileges by set-user-ID programs, and running any program.
 *
 * It is not confined to its shares: new ones may be named while it runs, and what Landlock was told once cannot be
 * widened; it also refuses moves between folders (EXDEV) where no rule says otherwise, and on its first kernels always.
 * The unit's ProtectSystem= and ReadWritePaths= draw that line. */
#ifndef LANYARD_AGENT_CONFINE_H
#define LANYARD_AGENT_CONFINE_H

/* Before the first thread. What the kernel does not have is gone without. */
void confine_process(void);

#endif
