"""Charts: one file, one function from results to a display."""
