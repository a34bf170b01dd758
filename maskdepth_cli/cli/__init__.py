"""What users type: one module per subcommand, options and messages only."""
