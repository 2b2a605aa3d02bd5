/*
 * Commands by their words, and what is said of them.
 *
 * Called by imconnectorctl and by the command help.  Owns nothing.
 */
#include "ctl/command.h"

#include "base/near.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define INDENT 21		/* columns before what a word is for */

/* How many of the command's words these are; -1: one is another. */
static int
matches(const struct command *c, char *const *word, int words)
{
	if (words == 0)
		return 0;
	if (strcmp(c->word, word[0]) != 0)
		return -1;
	if (words == 1 || c->second == NULL)
		return 1;
	return strcmp(c->second, word[1]) == 0 ? 2 : -1;
}

const struct command *
command_find(char *const *word, int words)
{
	for (const struct command *c = commands; c->word != NULL; c++)
		if (matches(c, word, words) == (c->second != NULL ? 2 : 1))
			return c;
	return NULL;
}

/* The first word is known: the second is missing, or another. */
static int
usage_second(char *const *word, int words)
{
	struct near near = { 0 };
	char list[256] = "";

	for (const struct command *c = commands; c->word != NULL; c++) {
		size_t at = strlen(list);

		if (matches(c, word, 1) != 1)
			continue;
		(void)snprintf(list + at, sizeof(list) - at, "%s%s",
		    at != 0 ? ", " : "", c->second);
		if (words > 1)
			near_try(&near, word[1], c->second,
			    strlen(c->second));
	}
	if (words == 1)
		return usage("behind '%s' comes one of %s", word[0], list);
	return near.word == NULL ? usage("%s %.40s: it is none of %s",
	    word[0], word[1], list) : usage("%s %.40s: did you mean %s?",
	    word[0], word[1], near.word);
}

int
usage_no_command(char *const *word, int words)
{
	struct near near = { 0 };

	for (const struct command *c = commands; c->word != NULL; c++) {
		if (strcmp(c->word, word[0]) == 0)
			return usage_second(word, words);
		near_try(&near, word[0], c->word, strlen(c->word));
	}
	return near.word == NULL ? usage("%.40s: there is no such command",
	    word[0]) : usage("%.40s: did you mean %s?", word[0], near.word);
}

/* Lines with as many blanks before all but the first. */
static void
print_lines(const char *text, int indent)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		printf("%.*s\n", (int)n, text);
		if (text[n] == '\0')
			return;
		text += n + 1;
		printf("%*s", indent, "");
	}
}

static void
print_option(const struct arg_row *row)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "--%s%s%s", row->name,
	    row->value != NULL ? " " : "",
	    row->value != NULL ? row->value : "");
	printf("  %-*s", INDENT - 2, name);
	if (strlen(name) > INDENT - 3)
		printf("\n%*s", INDENT, "");
	print_lines(row->help, INDENT);
}

static void
print_options(unsigned takes)
{
	for (int i = 0; i < ARG__MAX; i++)
		if ((takes & TAKES(i)) != 0)
			print_option(&arg_rows[i]);
}

static void
name_of(const struct command *c, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s%s%s%s", c->word,
	    c->second != NULL ? " " : "", c->second != NULL ? c->second : "",
	    c->usage != NULL ? " " : "", c->usage != NULL ? c->usage : "");
}

static void
print_all(void)
{
	char name[80];

	puts("usage: imconnectorctl COMMAND [OPTIONS]\n");
	for (const struct command *c = commands; c->word != NULL; c++) {
		name_of(c, name, sizeof(name));
		printf("  %-*s", INDENT - 2, name);
		if (strlen(name) > INDENT - 3)
			printf("\n%*s", INDENT, "");
		puts(c->brief);
	}
	putchar('\n');
	print_options(ALL_TAKE | TAKES(ARG_JSON));
	puts("\n'imconnectorctl help COMMAND' tells more of a command.\n\n"
	    "Exit codes are those of sysexits.h: 0 done, 64 usage, 66 no such "
	    "message or no\nstore yet, 74 the store cannot be read or "
	    "written, 78 the configuration is wrong.");
}

static void
print_one(const struct command *c)
{
	char name[80];

	name_of(c, name, sizeof(name));
	printf("imconnectorctl %s\n    ", name);
	print_lines(c->brief, 4);
	if (c->help != NULL) {
		printf("    ");
		print_lines(c->help, 4);
	}
	print_options(c->takes);
}

int
help_print(char *const *word, int words)
{
	bool any = false;

	if (words == 0) {
		print_all();
		return EX_OK;
	}
	for (const struct command *c = commands; c->word != NULL; c++) {
		if (matches(c, word, words) <= 0)
			continue;
		if (any)
			putchar('\n');
		print_one(c);
		any = true;
	}
	return any ? EX_OK : usage_no_command(word, words);
}
