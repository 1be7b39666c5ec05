"""What no label exceeds: beyond, a file is taken to be broken rather than large."""

LARGEST = 2**31 - 1
"""No number in a data set is larger."""

MAX_FRAMES = 2**22
"""No video is longer: 39 hours at 30 frames per second."""

MAX_SIDE_PX = 2**14
"""No frame is wider or higher."""

MAX_PIXELS = 2**26
"""Larger frames are taken for the same (8192 x 8192 pixels)."""

MAX_PX = 2.0**20
"""No coordinate is larger, however far a box sticks out of the frame."""

EDGE_PX = 0.5
"""A box may stick out of the frame by so much: tools round differently."""
