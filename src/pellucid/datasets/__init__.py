"""Data sets: one file each, returning `pellucid.images.Dataset`; the files with an underscore are their tools."""
