"""The batch contract once, for every command over photos: plan, resume, pipeline, report."""
