"""Test and training sets in their original layouts, one module per layout."""
