#ifndef PORTAL_ACTIVATION_H
#define PORTAL_ACTIVATION_H

#include "portal/method.h"

/* How a connector stands on an open line, as imconnector.status says. */
struct connector_state {
	bool works;		/* STATUS: active, connected, registered and */
				/* without an error */
	bool configured;
	bool error;
};

/* Reads a good answer to imconnector.status.  Errors of flat_read(). */
enum err connector_state_read(struct connector_state *,
    const struct method_call *);

/* Appends CONNECTOR and LINE.  Errors as buf_add(). */
enum err connector_params(struct buf *, const char *connector, int64_t line);

/*
 * Switches a connector on or off on an open line (imconnector.activate, with
 * "1" or "0": any other text switches it on), says of one that was switched on
 * what it is called (imconnector.connector.data.set), and asks how it stands.
 * Where it was halted it ends with METHOD_AGAIN.
 */
struct activation {
	/*
	 * Set by the caller, who keeps all that they point to until done():
	 * called once, in the loop, never from inside activation_start().
	 */
	void (*done)(struct activation *);
	struct rooms *rooms;
	const char *member_id;
	const char *connector;	/* in lower case */
	int64_t line;
	bool on;
	bool ask;		/* it is only asked how it stands */
	const bool *halted;	/* true: no further call begins; or NULL */
	const char *name;	/* of the connector, for people; NULL: none */
	const char *token;	/* of the user who does it; NULL: the stored */
	void (*seen)(const struct method_call *, const struct http_call *);
	/* out */
	enum method_end end;
	char reason[METHOD_REASON_MAX + 64];	/* unless OK */
	struct connector_state state;		/* with OK */
	/* its own */
	struct method_call call;
	size_t step;
};

void activation_start(struct activation *);

#endif
