/*
 * What a connector is registered with.
 *
 * Called by the set-up.  Owns nothing.  Every flag is said, so that what
 * Bitrix24 takes for granted may change there and not here.
 */
#include "portal/registration.h"

#include "codec/form_write.h"
#include "codec/json_write.h"

#define IMAGE_MAX ((size_t)256 * 1024)

/* A speech bubble with two lines, for who names no icon_file. */
static const char bubble[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"70\" height=\"71\" "
    "viewBox=\"0 0 70 71\"><path fill=\"#fff\" fill-rule=\"evenodd\" d=\"M17 "
    "15h36a7 7 0 0 1 7 7v22a7 7 0 0 1-7 7H36L24 61V51h-7a7 7 0 0 1-7-7V22a7 "
    "7 0 0 1 7-7zm3 11v4h30v-4zm0 9v4h20v-4z\"/></svg>";

static enum err
add_icon(struct buf *b, const struct config_connector *as)
{
	struct buf image;
	enum err e = json_add_name(b, "ICON");

	buf_init(&image, IMAGE_MAX);
	if (e == ERR_OK)
		e = buf_addc(b, '{');
	if (e == ERR_OK)
		e = buf_adds(&image, "data:image/svg+xml;charset=utf-8,");
	if (e == ERR_OK)
		e = form_escape(&image, as->icon.text[0] != '\0' ?
		    as->icon.text : bubble);
	if (e == ERR_OK)
		e = buf_str(&image) != NULL ? json_add_text(b, "DATA_IMAGE",
		    image.p) : ERR_NOMEM;
	buf_free(&image);
	if (e == ERR_OK)
		e = json_add_text(b, "COLOR", as->color);
	if (e == ERR_OK)
		e = json_add_text(b, "SIZE", "70%");
	if (e == ERR_OK)
		e = json_add_text(b, "POSITION", "center");
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static enum err
add_flags(struct buf *b, const struct config_connector *as)
{
	const struct {
		const char *name;
		bool set;
	} flags[] = {
		{ "DEL_EXTERNAL_MESSAGES", as->del_external_messages },
		{ "EDIT_INTERNAL_MESSAGES", as->edit_internal_messages },
		{ "DEL_INTERNAL_MESSAGES", as->del_internal_messages },
		{ "NEWSLETTER", as->newsletter },
		{ "NEED_SYSTEM_MESSAGES", as->need_system_messages },
		{ "NEED_SIGNATURE", as->need_signature },
		{ "CHAT_GROUP", as->chat_group },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(flags) /
	    sizeof(flags[0]); i++) {
		e = json_add_name(b, flags[i].name);
		if (e == ERR_OK)
			e = buf_adds(b, flags[i].set ? "true" : "false");
	}
	return e;
}

enum err
registration_render(struct buf *b, const struct config_channel *ch,
    const char *url)
{
	enum err e = json_add_text(b, "ID", ch->connector);

	if (e == ERR_OK)
		e = json_add_text(b, "NAME", ch->as.name);
	if (e == ERR_OK)
		e = add_icon(b, &ch->as);
	if (e == ERR_OK)
		e = json_add_text(b, "PLACEMENT_HANDLER", url);
	if (e == ERR_OK)
		e = add_flags(b, &ch->as);
	if (e == ERR_OK && ch->as.comment[0] != '\0')
		e = json_add_text(b, "COMMENT", ch->as.comment);
	return e;
}
