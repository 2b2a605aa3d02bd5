#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

/*
 * A command is a row in commands.c and a function.  An option is a word here
 * and a row in arguments.c.
 */
#include "setup.h"

#include <stdbool.h>

enum arg {
	ARG_CONFIG,
	ARG_JSON,
	ARG_HELP,
	ARG_VERSION,
	ARG_STATE,
	ARG_PORTAL,
	ARG_CHAT,
	ARG_ALL_REFUSED,
	ARG_CONNECTOR,
	ARG_ALL,
	ARG_LIMIT,
	ARG_FOLLOW,
	ARG_OLDER_THAN,
	ARG_YES,
	ARG_CHECK,
	ARG_USER,
	ARG_VERBOSE,
	ARG_DRY_RUN,
	ARG_LINE,
	ARG_URL,
	ARG_CA_FILE,
	ARG_SOCKET,
	ARG_WEB_USER,
	ARG_TEXTS,
	ARG__MAX
};
#define TAKES(arg) (1u << (arg))
#define ALL_TAKE (TAKES(ARG_CONFIG) | TAKES(ARG_HELP) | TAKES(ARG_VERSION))

struct arg_row {
	const char *name;	/* behind "--" */
	const char *value;	/* what people call its value; NULL: none */
	const char *words;	/* its only values, ", " between; or NULL */
	const char *help;	/* lines with a newline between */
};
extern const struct arg_row arg_rows[ARG__MAX];

/* What the command line gives.  All texts are argv's. */
struct arguments {
	const char *given[ARG__MAX];	/* NULL: not given; "" without value */
	char **word;			/* all words, the command's first */
	int words;
	char **operand;			/* those behind the command's own */
	int operands;
};

/* What a command works with. */
struct ctl {
	struct arguments a;
	struct setup s;		/* open if the command needs the store */
	int code;		/* the exit code if it returns ERR_OK */
};

struct command {
	const char *word, *second;	/* second may be NULL */
	const char *usage;	/* its operands, or NULL */
	int least, most;	/* so many operands */
	unsigned takes;		/* TAKES() of each option, but for ALL_TAKE */
	unsigned instead;	/* TAKES() of options instead of operands */
	bool store;		/* needs the configuration and the store */
	/* whether the options' values go together; -1, or as usage() */
	int (*check)(const struct arguments *);		/* or NULL */
	/* ERR_UNUSABLE: there is no such message (66); else as err.h */
	enum err (*run)(struct ctl *, struct problem *);
	const char *brief;	/* for the list of commands: one line */
	const char *help;	/* more lines, or NULL */
};
extern const struct command commands[];	/* the last has no word */

/*
 * Reads the command line and finds the command.  -1: go on with *command;
 * else an exit code, and what was to be said is said.
 */
int arguments_read(int argc, char **argv, struct arguments *,
    const struct command **);

/* The command that these words begin with, or NULL. */
const struct command *command_find(char *const *word, int words);

/*
 * Prints the help of all commands that begin with these words, or what
 * commands there are.  An exit code.
 */
int help_print(char *const *word, int words);

/* Says that these words begin no command; EX_USAGE. */
int usage_no_command(char *const *word, int words);

/* Says why the command line is wrong; EX_USAGE. */
int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
