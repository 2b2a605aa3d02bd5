"""Bitrix24's two limits, for Portal: the leaky bucket and operating time."""

import time


class Bucket:
    """Holds `burst` calls and leaks `rate` a second."""

    def __init__(self, burst=50, rate=2.0, clock=time.monotonic):
        self.burst, self.rate, self.clock = burst, rate, clock
        self.level, self.at = 0.0, clock()

    def take(self):
        """Whether one more call is let through. A blocked one counts not."""
        now = self.clock()
        self.level = max(0.0, self.level - (now - self.at) * self.rate)
        self.at = now
        if self.level + 1 > self.burst:
            return False
        self.level += 1
        return True


class OperatingTime:
    """Seconds of work in ten one-minute baskets, and their limit."""

    def __init__(self, per_call=0.03, limit=480.0, clock=time.time):
        self.per_call, self.limit, self.clock = per_call, limit, clock
        self.baskets = {}               # minute -> seconds

    def _sum(self):
        oldest = int(self.clock() // 60) - 9
        self.baskets = {m: s for m, s in self.baskets.items() if m >= oldest}
        return sum(self.baskets.values())

    def exceeded(self):
        """Whether calls are blocked now."""
        return self._sum() >= self.limit

    def add(self):
        """Counts one call: (operating, operating_reset_at)."""
        minute = int(self.clock() // 60)
        self.baskets[minute] = self.baskets.get(minute, 0) + self.per_call
        total = self._sum()
        reset = (min(self.baskets) + 10) * 60
        return round(total, 6), reset
