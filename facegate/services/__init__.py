"""Use cases: enroll, identify, verify, tune. They know ports, never adapters."""
