/* Gives up for good, whoever started the process: core dumps (the key is in memory), being traced by its own user,
 * new privileges through set-user-ID programs, and running any program.
 *
 * It is not confined to its shares: new ones may be added while it runs, and a Landlock rule set cannot be extended;
 * it also refuses moves between folders (EXDEV) where no rule says otherwise, and on its first kernels always. The
 * unit's ProtectSystem= and ReadWritePaths= draw that line. */
#ifndef LANYARD_AGENT_CONFINE_H
#define LANYARD_AGENT_CONFINE_H

/* Must be called before the first thread. Skips what the kernel does not support. */
void confine_process(void);

#endif
