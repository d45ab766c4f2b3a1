"""Rate limits for callers without a key. Counted in each worker, in memory."""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.settings import Settings
from remarque.errors import TooManyRequests


class Limiter:
    """Counts requests by address."""

    def __init__(self, settings: Settings) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._anonymous = parse(settings.anonymous_rate)
        self._parties = parse(settings.party_rate)

    def count_anonymous(self, address: str) -> None:
        """Count a check or verification without a key. Raises TooManyRequests."""
        self._count(self._anonymous, "anonymous", address)

    def count_party(self, address: str) -> None:
        """Count a new party. Raises TooManyRequests."""
        self._count(self._parties, "party", address)

    def _count(self, limit: RateLimitItem, kind: str, address: str) -> None:
        if not self._window.hit(limit, kind, address):
            reset = self._window.get_window_stats(limit, kind, address).reset_time
            raise TooManyRequests(
                f"More than {limit} from one address; a key has no such limit.",
                retry_after=max(1, math.ceil(reset - time.time())),
            )
