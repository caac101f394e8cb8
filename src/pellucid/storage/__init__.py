"""Run folders and the index over them: the one layer that writes files."""
