"""Makes the modules of this folder, such as `trees`, importable from all tests."""
