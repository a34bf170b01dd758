"""The paper's inference: arrays in, arrays out. No files, no typer, no rich."""
