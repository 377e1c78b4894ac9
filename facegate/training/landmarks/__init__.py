"""Training of the landmark network, on the detector's prepared pictures."""
