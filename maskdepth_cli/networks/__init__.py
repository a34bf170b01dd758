"""The refinement network's modules."""
