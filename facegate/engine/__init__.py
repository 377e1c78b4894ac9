"""The live gate: from camera frames to one decision at a door. No Qt, no torch."""
