"""What an analysis takes where nothing is said, for the command line and Python alike; nothing to load."""

DETECTOR = "maskrcnn_lite0_fpn"
RECOGNIZER = "lite0_tsm"
NAMER = "lite0_namer"
MIN_SCORE = 0.85
"""Half of an animal's detections need this score, or three seconds of them.

Chosen on simulated videos with the bundled detector.
"""
