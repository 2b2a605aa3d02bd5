#ifndef WEB_HEAD_H
#define WEB_HEAD_H

#include <stdbool.h>

/* How much of a FastCGI request's head has come on a connection. */
enum head {
	HEAD_NONE,		/* not a byte */
	HEAD_PART,		/* more is to come */
	HEAD_WHOLE,		/* or as much as one looks at, or something */
				/* else, or the peer ended within it: it is */
				/* libfcgi's to judge, who need not wait */
	HEAD_OVER,		/* the peer has closed the connection */
};

/* Looks at what waits in a socket, without taking or waiting for it. */
enum head head_look(int fd);

/* Whether a whole head waits there, also when our own side is shut. */
bool head_came(int fd);

#endif
