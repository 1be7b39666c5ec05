"""What an analysis takes where nothing is said, for the command line and Python alike; nothing to load."""

DETECTOR = "maskrcnn_lite0_fpn"
RECOGNIZER = "lite0_tsm"
NAMER = "lite0_namer"
MIN_SCORE = 0.5
"""Confidence above which detections are shown, where the card of a detector's weights names none."""
