"""Whether two ways to compute a network agree, and if not, where: engines, central differences, a student's layer."""
