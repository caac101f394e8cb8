"""Where the trials of a study are trained: in processes of this machine, or on a Ray cluster."""
