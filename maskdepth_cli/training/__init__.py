"""Composition, perturbation, losses, the trainer and its recipes (paper sections 3.1 to 3.3)."""
