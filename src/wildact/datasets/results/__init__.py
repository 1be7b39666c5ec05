"""What ``wildact run`` left, with what people know of the recordings: the source of every export."""
