#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "store/status.h"
#include "web/out.h"

#include <stdbool.h>

/* The figures as Prometheus reads them: its text format, or OpenMetrics. */
void metrics_render(struct buf *, const struct status *, bool open_metrics);

#endif
