"""From logits to numbers: accuracy, confusion, confidence, calibration."""
