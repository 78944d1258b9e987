"""A linear head on the features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """Logits = features @ kernel + bias."""

    kernel: Floats
    bias: Floats
