/*
 * The event that is posted, and the one that the readers are fed.
 */
#include "body.h"

#include "common.h"

#include <stdarg.h>
#include <string.h>

static void
add_char(struct body *b, char c)
{
	if (b->n + ID_WIDTH > b->cap) {
		b->cap = b->cap * 2 + 4096;
		b->s = grow(b->s, b->cap);
	}
	if (c != '#') {
		b->s[b->n++] = c;
		return;
	}
	if (b->places == b->places_cap) {
		b->places_cap = b->places_cap * 2 + 64;
		b->place = grow(b->place, b->places_cap * sizeof(*b->place));
	}
	b->place[b->places++] = b->n;
	body_put_id(b->s + b->n, ID_BASE);
	b->n += ID_WIDTH;
}

void
body_add(struct body *b, const char *fmt, ...)
{
	char piece[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(piece))
		fail("a piece of the event is too long");
	for (int i = 0; i < n; i++)
		add_char(b, piece[i]);
}

void
body_put_id(char *at, int64_t id)
{
	for (int i = ID_WIDTH - 1; i >= 0; i--, id /= 10)
		at[i] = (char)('0' + id % 10);
}

/* A URL as a form spells it. */
static void
add_url(struct body *b, const char *url)
{
	for (; *url != '\0'; url++) {
		if (strchr(":/", *url) != NULL)
			body_add(b, "%%%02X", (unsigned char)*url);
		else
			add_char(b, *url);
	}
}

/* Words, an escape, another script: 97 bytes a phrase in JSON. */
static void
add_text(struct body *b, const struct shape *s)
{
	int left = s->phrases;

	do {
		body_add(b, "%s", s->json ? "[b]Samantha Johnson:[/b] [br]Good "
		    "afternoon, how can I help you?\\nДобрый день! " :
		    "%5Bb%5DSamantha+Johnson%3A%5B%2Fb%5D+%5Bbr%5DGood+"
		    "afternoon%2C+how+can+I+help+you%3F%0A%D0%94%D0%BE%D0%B1"
		    "%D1%80%D1%8B%D0%B9+%D0%B4%D0%B5%D0%BD%D1%8C%21+");
	} while (--left > 0);
}

static void
add_json(struct body *b, const struct shape *s)
{
	body_add(b, "{\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"event_handler_id\":555,\"data\":{\"CONNECTOR\":"
	    "\"myconnector\",\"LINE\":107,\"MESSAGES\":[");
	for (int i = 0; i < s->messages; i++) {
		body_add(b, "%s{\"im\":{\"chat_id\":#,\"message_id\":#},"
		    "\"message\":{\"user_id\":27,\"text\":\"",
		    i != 0 ? "," : "");
		add_text(b, s);
		body_add(b, "\"},\"chat\":{\"id\":\"channel-#\"}}");
	}
	body_add(b, "]},\"ts\":1773759161,\"auth\":{\"access_token\":"
	    "\"c978b990071b0008440001b0895f697a\",\"expires\":1773762761,"
	    "\"expires_in\":3600,\"scope\":\"imconnector, imopenlines\","
	    "\"domain\":\"some-domain.bitrix24.com\",\"server_endpoint\":"
	    "\"https://oauth.bitrix24.tech/rest/\",\"status\":\"F\","
	    "\"client_endpoint\":\"%s\",\"member_id\":"
	    "\"bac1cd5c8940947a75e0d71b1a84e348\",\"user_id\":27,"
	    "\"application_token\":\"831c76b092f9f135d9b6b36c3a720757\"}}",
	    s->endpoint);
}

static void
add_form(struct body *b, const struct shape *s)
{
#define ITEM "&data%%5BMESSAGES%%5D%%5B%d%%5D"
	body_add(b, "event=ONIMCONNECTORMESSAGEADD&event_handler_id=555"
	    "&data%%5BCONNECTOR%%5D=myconnector&data%%5BLINE%%5D=107");
	for (int i = 0; i < s->messages; i++) {
		body_add(b, ITEM "%%5Bim%%5D%%5Bchat_id%%5D=#"
		    ITEM "%%5Bim%%5D%%5Bmessage_id%%5D=#"
		    ITEM "%%5Bmessage%%5D%%5Buser_id%%5D=27"
		    ITEM "%%5Bmessage%%5D%%5Btext%%5D=", i, i, i, i);
		add_text(b, s);
		body_add(b, ITEM "%%5Bchat%%5D%%5Bid%%5D=channel-#", i);
	}
	body_add(b, "&ts=1773759161&auth%%5Baccess_token%%5D="
	    "c978b990071b0008440001b0895f697a&auth%%5Bexpires%%5D=1773762761"
	    "&auth%%5Bexpires_in%%5D=3600&auth%%5Bscope%%5D=imconnector%%2C+"
	    "imopenlines&auth%%5Bdomain%%5D=some-domain.bitrix24.com"
	    "&auth%%5Bserver_endpoint%%5D=https%%3A%%2F%%2F"
	    "oauth.bitrix24.tech%%2Frest%%2F&auth%%5Bstatus%%5D=F"
	    "&auth%%5Bclient_endpoint%%5D=");
	add_url(b, s->endpoint);
	body_add(b, "&auth%%5Bmember_id%%5D=bac1cd5c8940947a75e0d71b1a84e348"
	    "&auth%%5Buser_id%%5D=27&auth%%5Bapplication_token%%5D="
	    "831c76b092f9f135d9b6b36c3a720757");
#undef ITEM
}

void
body_event(struct body *b, const struct shape *s)
{
	(s->json ? add_json : add_form)(b, s);
}

void
body_free(struct body *b)
{
	free(b->s);
	free(b->place);
	*b = (struct body){ 0 };
}
