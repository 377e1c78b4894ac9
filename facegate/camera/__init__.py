"""Cameras, streams and recordings; begin with `opening.open_camera`."""
