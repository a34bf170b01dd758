"""What users type: options and messages only.

Bars are drawn by tqdm, tables by rich, one-line messages by neither: here and in `run/report.py`,
`weights/progress.py`, `commands/gallery.py` and `evaluation/tables.py`.
"""
