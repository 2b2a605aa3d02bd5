/*
 * The request on a connection, from its intake to its answer.
 *
 * Called by connection.c when enough has come.  Owns the connection until its
 * answer is sent, or until it turns out that there is no request.
 */
#include "web/connection.h"

#include "web/fcgi.h"
#include "web/handler.h"


static void
finish(struct request *rq)
{
	struct connection *c = (struct connection *)rq;
	enum fcgi_end end = fcgi_end(c->fcgi);

	intake_end(&c->intake);
	switch (end) {
	case FCGI_KEEP:
		connection_next(c);
		return;
	case FCGI_LINGER:
		connection_linger(c);
		return;
	case FCGI_CLOSE:
		connection_close(c);
		return;
	}
}

static const char *
param(struct request *rq, const char *name)
{
	return fcgi_param(((struct connection *)rq)->fcgi, name);
}

static ssize_t
read_some(struct request *rq, char *p, size_t n)
{
	return fcgi_read(((struct connection *)rq)->fcgi, p, n);
}

static bool
write_all(struct request *rq, const char *p, size_t n)
{
	return fcgi_write(((struct connection *)rq)->fcgi, p, n);
}

static void
forget(struct request *rq)
{
	fcgi_forget(((struct connection *)rq)->fcgi);
}

const struct request_kind connection_kind = {
	.param = param,
	.read = read_some,
	.write = write_all,
	.finish = finish,
	.sees_end = true,
	.forget = forget,
};

/* In a reader, which owns the connection but for its watch meanwhile. */
static void
read_slowly(struct job *j)
{
	struct connection *c = OF(j, struct connection, job);

	c->begun = fcgi_begin(c->fcgi, &c->intake);
	c->exchange = c->begun ? handler_read(c->all->relay, &c->request) :
	    NULL;
}

static void
was_read(struct job *j)
{
	struct connection *c = OF(j, struct connection, job);

	if (c->begun)
		handler_take(c->all->relay, &c->request, c->exchange);
	else
		connection_drop(c, CONNECTION_BROKE_OFF);
}

static void
begin(struct connection *c)
{
	connection_enter(c, CONNECTION_SERVED);
	loop_disarm(c->all->env->loop, &c->timer);
	c->stirred = false;
}

void
connection_serve(struct connection *c)
{
	begin(c);
	if (fcgi_begin(c->fcgi, &c->intake))
		handler_take(c->all->relay, &c->request,
		    handler_read(c->all->relay, &c->request));
	else
		connection_drop(c, CONNECTION_BROKE_OFF);
}

void
connection_serve_slowly(struct connection *c)
{
	begin(c);
	c->job = (struct job){ .work = read_slowly, .done = was_read };
	pool_run(c->all->readers, &c->job);
}
