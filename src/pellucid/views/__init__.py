"""Ways of changing a data set before training: one file each, composed by name (`_parse.py`)."""
