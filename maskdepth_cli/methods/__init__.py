"""The compared methods (paper section 4.4), interchangeable with the refiner."""
