"""Training of the face detector: labels, augmentation, assignment, losses, loop, export."""
