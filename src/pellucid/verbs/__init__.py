"""The same words in Python as on the command line: train, evaluate, predict, doctor, and the runs they leave."""
