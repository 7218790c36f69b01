"""Fetch, prepare, train, export, evaluate: a convolutional image classifier, tracked."""
