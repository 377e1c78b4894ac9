"""From frames to decisions: plain Python with callbacks, no window and no torch."""
