"""What models exist: cards, names people write, limits, measured strengths and prices.

Owns ``models.toml`` and the one place where the price list is asked. Must not know the user's
policy, nor how a model is reached.
"""

from masterplan.catalog.card import Catalog
from masterplan.catalog.price import Prices

__all__ = ["Catalog", "Prices"]
