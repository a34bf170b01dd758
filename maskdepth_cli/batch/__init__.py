"""The batch contract once, for predict, refine and evaluate: plan, resume, pipeline, report."""
