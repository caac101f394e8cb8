"""Displays: data plus its drawings. One definition serves notebook, picture, report and app."""
