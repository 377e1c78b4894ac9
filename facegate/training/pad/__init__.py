"""Training of the network that tells faces from pictures of faces."""
