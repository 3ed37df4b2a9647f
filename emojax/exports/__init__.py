"""Trained models written for use elsewhere: as a folder, as StableHLO, as a state dict of torch."""
