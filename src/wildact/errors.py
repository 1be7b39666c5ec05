"""Everything wildact raises on purpose.

::

    WildactError
    ├── VideoError          a video file cannot be read (to its end)
    ├── WeightsError        weights are missing, damaged, or do not fit the network
    ├── DatasetError        an annotation file or data set is broken
    ├── RecipeError         a recipe has an unknown key or an impossible value
    ├── OutputError         results cannot be written where they were asked for
    └── UsageError          the caller asked for something that does not exist

Each message is one sentence for the person at the keyboard: which file, where in it,
what is wrong, what to do. The command line prints it as it is, without a traceback.
"""


class WildactError(Exception):
    """Base of all errors that wildact raises on purpose."""


class VideoError(WildactError):
    """A video file cannot be opened, or not a single frame of it can be decoded."""


class WeightsError(WildactError):
    """Weights are missing, damaged, or do not fit the network they are loaded into."""


class DatasetError(WildactError):
    """An annotation file or a data set is broken; the message names file, entry and reason."""


class RecipeError(WildactError):
    """A training recipe has an unknown key or an impossible value."""


class OutputError(WildactError):
    """Results cannot be written: folder not writable, disk full, or it holds something else."""


class UsageError(WildactError):
    """The caller named something that does not exist, or options that exclude each other."""
