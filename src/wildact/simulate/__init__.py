"""Camera-trap clips drawn in code, with exact truth: who, where, which pixels, doing what, when.

The way a clip is made: ``habitats`` and ``view`` > ``scene`` (painted with ``texture`` and ``vegetation``);
``animals`` > ``behaviour`` (who does what, where); both > ``clip`` (drawn frame by frame, in the light of
``camera``, under a ``banner`` and a maker's ``sign``) > ``dataset`` (a folder in the native data format).
"""

from wildact.simulate.dataset import SimulationSettings, simulate_dataset

__all__ = ["SimulationSettings", "simulate_dataset"]
