"""Portrait photos: depth and mattes that cameras keep inside a photo's own file."""
