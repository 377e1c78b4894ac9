"""How often it is wrong: error rates with sample sizes and intervals, and the choice of τ."""
