"""Photos to initial inverse depth: SIDE networks, how photos enter them, what predicts."""
