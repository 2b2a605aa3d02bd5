#ifndef PORTAL_REGISTRATION_H
#define PORTAL_REGISTRATION_H

#include "base/buf.h"
#include "config/config.h"

/*
 * Appends the parameters of imconnector.register: the connector of that
 * section (one with a name), whose settings page is at `url`.  Errors as
 * buf_add().
 */
enum err registration_render(struct buf *, const struct config_channel *,
    const char *url);

#endif
