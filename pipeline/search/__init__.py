"""Sweeps: what may change, one trial, the study."""
