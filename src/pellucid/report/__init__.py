"""What there is to say of a run or a study, section by section, and one self-contained page of it."""
