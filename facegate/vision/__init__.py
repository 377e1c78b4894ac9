"""Pure image functions: reading, aligning, judging and drawing."""
