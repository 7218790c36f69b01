"""The tracking store: runs of trainings."""
