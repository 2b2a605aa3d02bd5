#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

/*
 * One logfmt line per fact:
 *
 *	time=2026-03-17T14:52:41.123Z level=info event=stored key=...
 *
 * Values are escaped here, not by callers: what came from outside can break
 * neither the line nor a terminal.  Tokens, secrets and message texts must
 * never be handed in.  Safe from any thread; errno is kept.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

struct log_turn;

struct log {
	enum log_level level;	/* lines above it are dropped */
	enum log_target to;
	struct log_turn *turn;	/* NULL: each line is written at once */
};

/* One `name=value`; one without a name is left out.  F_OPT leaves a NULL
 * text out. */
struct log_field {
	const char *name;
	const char *text;
	int64_t number;
};

#define F_STR(n, s) ((struct log_field){ (n), (s), 0 })
#define F_OPT(n, s) ((struct log_field){ (s) != NULL ? (n) : "", (s), 0 })
#define F_INT(n, i) ((struct log_field){ (n), NULL, (int64_t)(i) })

/* Opens syslog if the log goes there, else makes log->turn, as far as there
 * is memory.  Call once, in the loop's thread, before others start. */
void log_open(struct log *);
void log_close(struct log *);	/* frees log->turn; fine if there is none */

/*
 * The loop's turn: what its thread says to standard error in between is
 * written together at the end; sooner with a line of level error, and when
 * 4 KiB have come together.  A process that is killed within a turn loses
 * the lines of that turn.  Other threads' lines are written at once.
 */
void log_turn_begins(const struct log *);
void log_turn_ends(const struct log *);

/* Writes one line, whatever its level; one longer than 2,000 bytes is cut. */
void log_put(const struct log *, enum log_level, const char *event,
    const struct log_field *, size_t n);

#define LOG_N(...) (sizeof((struct log_field[]){ __VA_ARGS__ }) / \
	sizeof(struct log_field))

/* Nothing of a line that is dropped is evaluated, but its log and level. */
#define LOG_AT(l, lv, ev, ...) ((lv) > (l)->level ? (void)0 : \
	log_put((l), (lv), (ev), (struct log_field[]){ __VA_ARGS__ }, \
	LOG_N(__VA_ARGS__)))
#define log_error(l, ev, ...) LOG_AT(l, LOG_LEVEL_ERROR, ev, __VA_ARGS__)
#define log_warning(l, ev, ...) LOG_AT(l, LOG_LEVEL_WARNING, ev, __VA_ARGS__)
#define log_info(l, ev, ...) LOG_AT(l, LOG_LEVEL_INFO, ev, __VA_ARGS__)
#define log_debug(l, ev, ...) LOG_AT(l, LOG_LEVEL_DEBUG, ev, __VA_ARGS__)

#endif
