"""The five reports' studies, as data: what was trained, with the figures that were reported."""
