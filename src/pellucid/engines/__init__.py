"""One network, several engines: each builds parameters from a spec, takes training steps and gives logits."""
