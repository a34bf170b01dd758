"""Network modules only."""
