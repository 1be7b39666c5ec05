"""COCO and what grew from it: CocoVID and YouTube-VIS."""
