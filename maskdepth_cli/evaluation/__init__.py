"""Methods side by side on a test set: the paper's protocol, tables and reports."""
