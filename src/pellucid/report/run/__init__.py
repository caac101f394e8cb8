"""The sections of a run's report: one function each, from a run to a `Section`; None where it does not apply."""
