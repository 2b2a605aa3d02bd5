/*
 * The bodies that bench/readers.c reads: events of several shapes, each as
 * JSON and as a form.
 *
 * Called once for each shape.  Owns nothing: the bodies are the caller's.
 */
#include "bodies.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE_MAX 4096	/* bytes that one add() may make */

const struct shape shapes[SHAPES] = {
	{ .name = "one large event", .elements = 15000 },
	{ .name = "ordinary events", .elements = 1, .texts = 1 },
	{ .name = "many short messages", .elements = 8000, .texts = 1,
	    .files = true },
	/* of a hundred characters each */
	{ .name = "long texts", .elements = 1, .texts = 200,
	    .cyrillic = true },
};

static void __attribute__((format(printf, 2, 3)))
add(struct bodies *in, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	if (in->failed)
		return;
	if (in->n + PIECE_MAX > in->cap) {
		in->cap = in->cap * 2 + (1 << 20);
		s = realloc(in->s, in->cap);
		in->failed = s == NULL;
		if (in->failed)
			return;
		in->s = s;
	}
	va_start(ap, fmt);
	n = vsnprintf(in->s + in->n, in->cap - in->n, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= PIECE_MAX)
		in->failed = true;
	else
		in->n += (size_t)n;
}

/* As PHP's urlencode() spells it; there are no ASCII letters. */
static void
encode(const char *s, char *out)
{
	for (; *s != '\0'; s++) {
		if (*s == ' ' || *s == '.')
			*out++ = *s == ' ' ? '+' : '.';
		else
			out += sprintf(out, "%%%02X", (unsigned char)*s);
	}
}

/* `n` pieces of text: words, an escape, another script. */
static void
add_text(struct bodies *in, bool json, size_t n)
{
	static const char *const mixed[] = {
		"%5Bb%5DSamantha+Johnson%3A%5B%2Fb%5D+%5Bbr%5DGood+"
		"afternoon%2C+how+can+I+help+you%3F%0A%D0%94%D0%BE%D0%B1"
		"%D1%80%D1%8B%D0%B9+%D0%B4%D0%B5%D0%BD%D1%8C%21+",
		"[b]Samantha Johnson:[/b] [br]Good afternoon, how can I "
		"help you?\\nДобрый день! ",
	};
	/* a hundred letters */
	static const char cyrillic[] = "Добрый день! Спасибо за ваш заказ, "
	    "мы уже собираем его и завтра с утра отправим вам курьером. "
	    "Ждём!";
	static char encoded[sizeof(cyrillic) * 3];

	if (encoded[0] == '\0')
		encode(cyrillic, encoded);
	for (size_t i = 0; i < n; i++) {
		if (!in->shape->cyrillic)
			add(in, "%s", mixed[json]);
		else
			add(in, "%s%s", json ? cyrillic : encoded,
			    i % 5 != 4 ? "" : json ? "\\n" : "%0A");
	}
}

static void
add_json_element(struct bodies *in, int i)
{
	add(in, "%s{\"im\":{\"chat_id\":1807,\"message_id\":%d},"
	    "\"message\":{\"user_id\":27,\"text\":\"",
	    i != 0 ? "," : "", 86497 + i);
	add_text(in, true, in->texts);
	if (in->shape->files)
		add(in, "\",\"files\":[{\"name\":\"invoice-%d.pdf\",\"type\":"
		    "\"file\",\"mime\":\"application/pdf\",\"link\":"
		    "\"https://some-domain.bitrix24.com/~i%d\",\"size\":"
		    "48213,\"sizef\":\"47.08 KB\"}],\"params\":{\"CLASS\":"
		    "\"bx-messenger\"},\"attachments\":null},\"chat\":{"
		    "\"id\":\"channel-123\",\"name\":\"Open line\"}}", i, i);
	else
		add(in, "\"},\"chat\":{\"id\":\"channel-123\"}}");
}

static void
add_json(struct bodies *in)
{
	add(in, "{\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"event_handler_id\":555,\"data\":{\"CONNECTOR\":"
	    "\"myconnector\",\"LINE\":107,\"MESSAGES\":[");
	for (int i = 0; i < in->shape->elements; i++)
		add_json_element(in, i);
	add(in, "]},\"ts\":1773759161,\"auth\":{\"access_token\":"
	    "\"c978b990071b0008440001b0895f697a\",\"expires\":1773762761,"
	    "\"expires_in\":3600,\"scope\":\"imconnector, imopenlines\","
	    "\"domain\":\"some-domain.bitrix24.com\",\"server_endpoint\":"
	    "\"https://oauth.bitrix24.tech/rest/\",\"status\":\"F\","
	    "\"client_endpoint\":\"https://some-domain.bitrix24.com/rest/\","
	    "\"member_id\":\"bac1cd5c8940947a75e0d71b1a84e348\","
	    "\"user_id\":27,\"application_token\":"
	    "\"831c76b092f9f135d9b6b36c3a720757\"}}");
}

#define ITEM "&data%%5BMESSAGES%%5D%%5B%d%%5D"
#define FILE_ITEM ITEM "%%5Bmessage%%5D%%5Bfiles%%5D%%5B0%%5D"

static void
add_form_element(struct bodies *in, int i)
{
	add(in, ITEM "%%5Bim%%5D%%5Bchat_id%%5D=1807"
	    ITEM "%%5Bim%%5D%%5Bmessage_id%%5D=%d"
	    ITEM "%%5Bmessage%%5D%%5Buser_id%%5D=27"
	    ITEM "%%5Bmessage%%5D%%5Btext%%5D=",
	    i, i, 86497 + i, i, i);
	add_text(in, false, in->texts);
	if (in->shape->files)
		add(in, FILE_ITEM "%%5Bname%%5D=invoice-%d.pdf"
		    FILE_ITEM "%%5Btype%%5D=file"
		    FILE_ITEM "%%5Bmime%%5D=application%%2Fpdf"
		    FILE_ITEM "%%5Blink%%5D=https%%3A%%2F%%2F"
		    "some-domain.bitrix24.com%%2F%%7Ei%d"
		    FILE_ITEM "%%5Bsize%%5D=48213"
		    FILE_ITEM "%%5Bsizef%%5D=47.08+KB"
		    ITEM "%%5Bmessage%%5D%%5Bparams%%5D%%5BCLASS%%5D="
		    "bx-messenger"
		    ITEM "%%5Bchat%%5D%%5Bid%%5D=channel-123"
		    ITEM "%%5Bchat%%5D%%5Bname%%5D=Open+line",
		    i, i, i, i, i, i, i, i, i, i, i);
	else
		add(in, ITEM "%%5Bchat%%5D%%5Bid%%5D=channel-123", i);
}

static void
add_form(struct bodies *in)
{
	add(in, "event=ONIMCONNECTORMESSAGEADD&event_handler_id=555"
	    "&data%%5BCONNECTOR%%5D=myconnector&data%%5BLINE%%5D=107");
	for (int i = 0; i < in->shape->elements; i++)
		add_form_element(in, i);
	add(in, "&ts=1773759161&auth%%5Baccess_token%%5D="
	    "c978b990071b0008440001b0895f697a&auth%%5Bexpires%%5D=1773762761"
	    "&auth%%5Bexpires_in%%5D=3600&auth%%5Bscope%%5D=imconnector%%2C+"
	    "imopenlines&auth%%5Bdomain%%5D=some-domain.bitrix24.com"
	    "&auth%%5Bserver_endpoint%%5D=https%%3A%%2F%%2F"
	    "oauth.bitrix24.tech%%2Frest%%2F&auth%%5Bstatus%%5D=F"
	    "&auth%%5Bclient_endpoint%%5D=https%%3A%%2F%%2F"
	    "some-domain.bitrix24.com%%2Frest%%2F&auth%%5Bmember_id%%5D="
	    "bac1cd5c8940947a75e0d71b1a84e348&auth%%5Buser_id%%5D=27"
	    "&auth%%5Bapplication_token%%5D="
	    "831c76b092f9f135d9b6b36c3a720757");
}

static void
add_event(struct bodies *in)
{
	if (in->codec == &codec_json)
		add_json(in);
	else
		add_form(in);
	if (in->each == 0)
		in->each = in->n;
}

bool
bodies_make(struct bodies in[SYNTAXES], const struct shape *shape, size_t bytes)
{
	size_t texts = shape->texts;

	/* a text is far longer than the rest of an element then */
	if (texts == 0)
		texts = bytes / (size_t)shape->elements / 96 + 1;
	for (size_t i = 0; i < SYNTAXES; i++) {
		in[i] = (struct bodies){ .shape = shape, .texts = texts,
		    .codec = i == 0 ? &codec_json : &codec_form };
		add_event(&in[i]);
	}
	while (shape->texts != 0 && in[0].n < bytes && !in[0].failed &&
	    !in[1].failed)
		for (size_t i = 0; i < SYNTAXES; i++)
			add_event(&in[i]);
	return !in[0].failed && !in[1].failed;
}
