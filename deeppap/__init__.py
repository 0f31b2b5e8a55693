"""DeepPap in real BVLC Caffe: cervical cell classification (Zhang et al. 2017).

from deeppap import TrainedModel

model = TrainedModel.open("runs/herlev-cell-paper/fold3")
scores = model.score("cell.png", [(61, 48)], mpp=0.25)
"""

from typing import Any

__all__ = ["TrainedModel"]


def __getattr__(name: str) -> Any:
    """Import TrainedModel at its first use: a tool that only parses its options loads no NumPy."""
    if name in __all__:
        from deeppap.scoring.trained_model import TrainedModel

        return TrainedModel
    raise AttributeError(f"module 'deeppap' has no attribute {name!r}")
