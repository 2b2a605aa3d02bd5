#ifndef WEB_PAGE_INSIDE_H
#define WEB_PAGE_INSIDE_H

#include "relay/relay.h"
#include "web/html.h"
#include "web/words.h"

/* Private to the pages. */

extern const char page_style[];		/* CSS */

/* What is the case, above all else. */
enum page_tone { TONE_GOOD, TONE_BAD, TONE_WAIT };
void page_note(struct html *, enum page_tone, const char *text,
    const char *more);

/* The inside of <main> of the settings page. */
void page_settings(struct html *, const char *const *w,
    const struct settings *);

#endif
