"""The convnets, from parameters; folded for export and taken apart for explanation."""
