"""What goes wrong with an engine when nobody expects it: faults of requests, drawn by a seed.

Chaos.draw() says what happens to one request: None, or (kind, number):
    fail      answered with the status `number` and not applied: 429 (with Retry-After), 502, 503, 504; 500 is no passing fault
    items     of a _bulk some items, the others are applied: chosen by fails_item()
    too_large 413
    before    the connection is cut with RST before the request is applied
    after     … after it was applied, without an answer
    truncated applied; the connection is closed in the middle of the answer
    late      applied after `number` ms          slow   applied at once, answered after `number` ms
"""
import random
import threading

KINDS = [("fail", 4), ("items", 5), ("too_large", 1), ("before", 2), ("after", 2), ("truncated", 2), ("late", 2), ("slow", 2)]
STATUSES = [429, 429, 429, 503, 503, 502, 504]
ITEM_STATUSES = [429, 429, 503]
MOST_DELAY_MS = 120


class Chaos:
    def __init__(self, seed=0, rate=0.0):
        """`rate`: of a hundred requests that many meet something, about."""
        self.rng, self.rate = random.Random(seed), rate
        self.lock = threading.Lock()
        self.met = {}

    def draw(self, is_bulk, items=0):
        with self.lock:
            if not self.rate or self.rng.random() * 100 >= self.rate:
                return None
            kind = self.rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
            if kind == "items" and not is_bulk or kind == "too_large" and (not is_bulk or items < 2):
                kind = "fail"
            self.met[kind] = self.met.get(kind, 0) + 1
            if kind == "fail":
                return kind, self.rng.choice(STATUSES)
            if kind in ("late", "slow"):
                return kind, self.rng.randrange(5, MOST_DELAY_MS)
            return kind, 0

    def fails_item(self):
        """0, or the status with which this item of a _bulk fails."""
        with self.lock:
            return self.rng.choice(ITEM_STATUSES) if self.rng.random() < 0.3 else 0
