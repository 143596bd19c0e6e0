"""The colours of every heatmap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Every twentieth of viridis (S. van der Walt, N. Smith, CC0): even steps to the eye, in grey and to the
# colour-blind as well.
_VIRIDIS = bytes.fromhex(
    "440154 481567 482677 453781 404788 39568c 33638d 2d708e 287d8e 238a8d "
    "1f968b 20a387 29af7f 3cbb75 55c667 73d055 95d840 b8de29 dce319 fde725"
)


def colours(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return the viridis colour of each value from 0 to 1, uint8 [..., 3]; beyond is as the nearest end."""
    anchors = np.frombuffer(_VIRIDIS, dtype=np.uint8).reshape(-1, 3).astype(np.float64)
    at = np.clip(values, 0, 1)
    steps = np.linspace(0, 1, len(anchors))
    return np.stack([np.interp(at, steps, anchors[:, k]) for k in range(3)], axis=-1).round().astype(np.uint8)
