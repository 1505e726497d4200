"""Understanding: what is in a video, and how alike two sets of videos are, by networks trained on labelled clips.

`video_transformer.py` names a clip's class from tokens or from pixels; `probe.py` is one that was trained, with the
tokenizer it needs. `feature_network.py` is a small 3D CNN whose features and classes `frechet.py` and `scores.py`
compare.
"""

from __future__ import annotations

from .feature_network import FeatureConfig, FeatureNetwork
from .frechet import Gaussian, frechet_distance
from .probe import Probe, load_probe
from .scores import agreement, inception_score
from .video_transformer import ProbeConfig, VideoTransformer

__all__ = [
    "FeatureConfig",
    "FeatureNetwork",
    "Gaussian",
    "Probe",
    "ProbeConfig",
    "VideoTransformer",
    "agreement",
    "frechet_distance",
    "inception_score",
    "load_probe",
]
