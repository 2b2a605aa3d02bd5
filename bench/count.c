/*
 * What the stand-in portal counts; no part of it knows of connections.
 */
#include "count.h"

#include "body.h"
#include "common.h"

#include <string.h>

#define BURST 50.0
#define RATE 2.0		/* calls a second */
#define ID_BITS 27		/* ids are told apart modulo 2^27 */
#define TOOK_MAX 200000		/* ms; what took longer counts as that */

void
count_init(struct count *n, bool limited)
{
	*n = (struct count){ .limited = limited,
	    .seen = zeroed(1, (size_t)1 << (ID_BITS - 3)),
	    .took = limited ? zeroed(TOOK_MAX + 1, sizeof(uint32_t)) : NULL };
}

/*
 * Finds `name` and the number behind it, as JSON or as a form spells it.
 * Gives where to go on, or NULL.
 */
static const char *
number(const char *s, const char *end, const char *name, uint64_t *value)
{
	const char *from;

	s = memmem(s, (size_t)(end - s), name, strlen(name));
	if (s == NULL)
		return NULL;
	s += strlen(name);
	while (s < end && strchr("\": ]=", *s) != NULL)
		s++;
	if (end - s > 4 && strncasecmp(s, "%5D=", 4) == 0)
		s += 4;
	from = s;
	for (*value = 0; s < end && *s >= '0' && *s <= '9'; s++)
		*value = *value * 10 + (uint64_t)(*s - '0');
	return s != from ? s : NULL;
}

/* A message that the portal is told of for the first time. */
static void
note_time(struct count *n, uint64_t chat_id)
{
	/* both are below ID_BASE and may have wrapped in between */
	int64_t due = (int64_t)(chat_id % ID_BASE);
	int64_t took = (now_us() % ID_BASE - due + ID_BASE) % ID_BASE / 1000;

	n->took[took < TOOK_MAX ? took : TOOK_MAX]++;
}

void
count_messages(struct count *n, const char *s, size_t len)
{
	const char *end = s + len;
	uint64_t chat, id;

	while ((s = number(s, end, "chat_id", &chat)) != NULL &&
	    (s = number(s, end, "message_id", &id)) != NULL) {
		id &= ((uint64_t)1 << ID_BITS) - 1;
		n->messages++;
		if ((n->seen[id / 8] >> (id % 8) & 1) != 0)
			continue;
		n->seen[id / 8] |= (unsigned char)(1U << (id % 8));
		n->distinct++;
		if (n->limited)
			note_time(n, chat);
	}
}

/* The ms within which `share` of the messages were told. */
static int
percentile(const struct count *n, double share)
{
	int64_t left = (int64_t)((double)n->distinct * share + 0.5);

	for (int i = 0; i <= TOOK_MAX; i++) {
		left -= n->took[i];
		if (left <= 0)
			return i;
	}
	return TOOK_MAX;
}

/* Whether a call is within the limit of its bucket. */
static bool
admit(struct count *n, int64_t now)
{
	n->level -= (double)(now - n->at) / 1000.0 * RATE;
	n->at = now;
	if (n->level < 0)
		n->level = 0;
	if (n->level + 1 > BURST)
		return false;
	n->level += 1;
	return true;
}

size_t
count_print(char *out, size_t size, const struct count *n)
{
	return (size_t)snprintf(out, size, "{\"calls\":%lld,"
	    "\"refused\":%lld,\"late\":%lld,\"messages\":%lld,"
	    "\"distinct\":%lld,\"told_p50\":%d,\"told_p99\":%d}",
	    (long long)n->calls, (long long)n->refused, (long long)n->late,
	    (long long)n->messages, (long long)n->distinct,
	    n->limited ? percentile(n, 0.50) : 0,
	    n->limited ? percentile(n, 0.99) : 0);
}

/* As with Bitrix24 it is calls that fill the bucket; refused ones do not. */
bool
count_call(struct count *n, int64_t now)
{
	n->calls++;
	if (n->first == 0)
		n->first = now;
	if (!n->limited || admit(n, now))
		return true;
	n->refused++;
	n->late += now - n->first >= 1000;
	return false;
}
