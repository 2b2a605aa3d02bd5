#ifndef RELAY_PAGE_INSIDE_H
#define RELAY_PAGE_INSIDE_H

#include "codec/seal.h"
#include "portal/activation.h"
#include "portal/method.h"
#include "portal/ticket.h"
#include "relay/inside.h"
#include "store/portals.h"
#include "store/setups.h"
#include "store/standing.h"

/* Private to relay/page.c and relay/settings.c: a page that is open. */
struct page {
	struct relay *relay;
	struct event *event;
	struct sender *sender;
	struct arena arena, of_setup, of_standing;
	struct portal_reading reading;
	struct method_call check;
	bool other_app;		/* as app.info says */
	struct install_take install;
	struct setup_wish wish;
	struct setup_reading setup;
	/* of the settings of a connector */
	struct ticket ticket;
	struct buf form;
	struct standing_reading standing;
	struct activation activation;
	bool acting;		/* it is on its way */
	struct settings view;
	struct outcome outcome;
	bool answered, late;
	struct timer until, again;
	TAILQ_ENTRY(page) link;
};

/* Answers, unless that was done. */
void page_answer(struct page *, enum page_kind, const char *reason);

/* The last thing: it is gone behind it. */
void page_end(struct page *);

/* Answers that it is refused, unless it was answered, and ends it. */
void page_refuse(struct page *, const struct problem *);
void page_deny(struct page *, enum err, const char *field, const char *why);

/* Reads how the portal's set-up stands into `setup`. */
void page_read_setup(struct page *, void (*done)(struct db_work *));

/* ---- settings.c */

/* Who opened the page may be believed. */
void settings_open(struct page *);

/* The page's own form came: it must be believed by itself. */
void settings_form(struct page *);

#endif
