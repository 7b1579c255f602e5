/* How much a unit test tries of what can be tried without end. Where everything is watched, or the processor is
 * emulated (make cross), it is a part: that takes many times as long, and looks for other faults, those of memory and
 * of threads, or of a machine. */
#ifndef LANYARD_TESTS_UNIT_EFFORT_H
#define LANYARD_TESTS_UNIT_EFFORT_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(LANYARD_EMULATED)
#define EFFORT(plain, watched) (watched)
#else
#define EFFORT(plain, watched) (plain)
#endif

#endif
