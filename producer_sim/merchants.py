"""Where cards are used: merchant groups with their category code, habit, size and online share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class MerchantGroup:
    """One kind of shop; `mean_minor` is the mean payment of a customer of mean means."""

    name: str
    merchant_category: str
    share: float
    mean_minor: int
    online_share: float


GROUPS: Final = (
    MerchantGroup("groceries", "5411", 0.30, 3_800, 0.08),
    MerchantGroup("restaurants", "5812", 0.17, 2_400, 0.10),
    MerchantGroup("fuel", "5541", 0.09, 5_200, 0.00),
    MerchantGroup("transport", "4111", 0.08, 900, 0.50),
    MerchantGroup("clothing", "5651", 0.06, 5_500, 0.45),
    MerchantGroup("furniture", "5712", 0.02, 16_000, 0.35),
    MerchantGroup("hardware", "5200", 0.03, 5_000, 0.20),
    MerchantGroup("travel", "4722", 0.02, 24_000, 0.85),
    MerchantGroup("car_repair", "7538", 0.01, 18_000, 0.00),
    MerchantGroup("children", "5641", 0.02, 4_000, 0.50),
    MerchantGroup("electronics", "5732", 0.03, 11_000, 0.60),
    MerchantGroup("pharmacy", "5912", 0.06, 2_200, 0.10),
    MerchantGroup("leisure", "7832", 0.05, 2_000, 0.40),
    MerchantGroup("marketplace", "5999", 0.06, 4_200, 0.98),
)
INDEX: Final = {group.name: i for i, group in enumerate(GROUPS)}
CATEGORIES: Final = tuple(group.merchant_category for group in GROUPS)
SHARES: Final = np.array([group.share for group in GROUPS])
MEAN_MINOR: Final = np.array([float(group.mean_minor) for group in GROUPS])
ONLINE_SHARES: Final = np.array([group.online_share for group in GROUPS])
