"""Training: schedules, stopping, one record an epoch, and runs that can be killed and resumed to the same bits."""
