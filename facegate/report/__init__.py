"""A measurement as one HTML file for people: what was measured, and what it cannot show."""
