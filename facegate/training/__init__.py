"""Training of the networks that ship. Needs torch; never imported at the gate."""
