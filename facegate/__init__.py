"""FaceGate: open face-recognition access control that runs offline on an ordinary CPU."""

__version__ = "0.1.0"
