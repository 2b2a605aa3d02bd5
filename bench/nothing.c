/*
 * nothing: a CGI program that does nothing, or nothing but commits.
 *
 *	nothing [STORE COMMITS]
 *
 * It is linked with the libraries of the handler, whether it needs them or
 * not: to start, find and relocate them is the least that a CGI run of it can
 * cost.  With arguments it also makes so many synced transactions on a copy
 * of the handler's store (commit.h).  The request's body is not read.
 */
#include "commit.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	struct commits *c = argc == 3 ? commit_open(argv[1]) : NULL;

	for (long n = argc == 3 ? strtol(argv[2], NULL, 10) : 0; n > 0; n--)
		commit_once(c);
	if (c != NULL)
		commit_close(c);
	return puts("Status: 200 OK\r\nContent-Type: application/json\r\n\r\n"
	    "{\"result\":true}") < 0;
}
