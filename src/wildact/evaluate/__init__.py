"""Score networks on a labelled data set: the whole chain, an action network alone, with intervals.

`video` compares what the chain makes of one video with its truth, `annotated` does so for an action network
on annotated tracks. `figures` pools videos to figures with intervals, `run` does all this for a data set.
`files` writes the results, with the pictures of `plots` and the page of `page`; `matches` keeps what became
of the detections of each video, from which `compare` tells how much better one evaluation is than another.
docs/evaluation.md defines each figure.
"""

from wildact.evaluate.compare import Comparison, compare_matches
from wildact.evaluate.figures import Figure, GroupScores
from wildact.evaluate.files import save_evaluation, scores_to_json
from wildact.evaluate.matches import DatasetMatches, collect_matches, load_matches
from wildact.evaluate.run import Evaluation, EvaluationSettings, evaluate_models

__all__ = [
    "Comparison",
    "DatasetMatches",
    "Evaluation",
    "EvaluationSettings",
    "Figure",
    "GroupScores",
    "collect_matches",
    "compare_matches",
    "evaluate_models",
    "load_matches",
    "save_evaluation",
    "scores_to_json",
]
