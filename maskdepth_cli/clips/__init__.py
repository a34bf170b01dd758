"""Clips: numbered pictures, videos and stacks of arrays, frame by frame, on one scale."""
