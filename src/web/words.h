#ifndef WEB_WORDS_H
#define WEB_WORDS_H

/* What the pages say.  Plain texts, in UTF-8. */
enum word {
	W_LANG,			/* of the page, for lang="" */
	W_SETTINGS, W_LINE, W_CONNECTOR,
	W_ON, W_ON_MORE, W_OFF, W_OFF_MORE, W_FAULTY, W_FAULTY_MORE,
	W_UNKNOWN, W_UNKNOWN_MORE, W_LATE,
	W_TURN_ON, W_TURN_OFF, W_LOOK,
	W_IS_ON, W_IS_OFF, W_NOT_DONE,
	W_WAITING, W_REFUSED, W_OR_MORE, W_ERROR, W_NONE,
	W_SETUP, W_SETUP_DONE, W_SETUP_WANTED, W_SETUP_WAITS,
	W_INSTALL, W_INSTALLED, W_FINISH, W_PENDING, W_FAILED,
	W_SORRY, W_DENIED, W_EXPIRED, W_RETRY, W_UNUSABLE,
	W__MAX
};

/* The texts of one language. */
typedef const char *const words[W__MAX];

/*
 * Those of the language that a query string asks for by LANG, as Bitrix24
 * names it ("la" is Spanish, "br" Portuguese); English else.  NULL is fine.
 * Static.
 */
const char *const *words_of(const char *query);

#endif
