"""Arrays in, arrays out: refinement, completion, baselines, prediction. No files, no typer, no rich."""
