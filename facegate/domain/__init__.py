"""Values and rules of face recognition at a door. Imports nothing but numpy and the errors."""
