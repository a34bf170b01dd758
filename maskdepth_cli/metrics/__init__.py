"""One pure function per metric of the paper (section 4.3) and Depth Pro's boundary metrics."""
