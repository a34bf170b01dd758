"""Arrays in, arrays out: refinement, baselines, prediction. No files, no typer, no rich."""
