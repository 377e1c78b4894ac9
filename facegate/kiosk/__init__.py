"""The window of a door: what the gate sees and says. The one home of PyQt6."""
