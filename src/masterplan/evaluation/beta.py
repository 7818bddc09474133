"""A success rate from counts: the Beta posterior, its mean and its interval, in plain arithmetic.

Owns the quantiles of the Beta distribution. Must not know what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log

_TINY = 1e-300
_STEPS = 400


@dataclass(frozen=True)
class Beta:
    """A Beta distribution over a rate.

    >>> uniform = Beta(1, 1).updated(8, 10)
    >>> round(uniform.mean, 2), [round(bound, 2) for bound in uniform.interval()]
    (0.75, [0.48, 0.94])
    """

    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1e12 and 0 < self.beta < 1e12):
            raise ValueError("both parameters of a Beta distribution are positive")

    @property
    def mean(self) -> float:
        """The expected rate."""
        return self.alpha / (self.alpha + self.beta)

    def updated(self, succeeded: float, tried: float) -> Beta:
        """Return the posterior after so many successes of so many tries."""
        if not 0 <= succeeded <= tried:
            raise ValueError(f"{succeeded} of {tried} is no count")
        return Beta(self.alpha + succeeded, self.beta + tried - succeeded)

    def below(self, rate: float) -> float:
        """Return the probability that the rate is at most ``rate``."""
        if rate <= 0 or rate >= 1:
            return float(rate >= 1)
        a, b = self.alpha, self.beta
        front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(rate) + b * log(1 - rate))
        if rate < (a + 1) / (a + b + 2):
            return front * _fraction(a, b, rate) / a
        return 1 - front * _fraction(b, a, 1 - rate) / b

    def quantile(self, part: float) -> float:
        """Return the rate that the true one is below with this probability."""
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if self.below(middle) < part:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def interval(self, part: float = 0.95) -> tuple[float, float]:
        """Return the central interval that holds the rate with this probability."""
        outside = (1 - part) / 2
        return self.quantile(outside), self.quantile(1 - outside)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            found *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return found


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
