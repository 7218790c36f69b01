"""Prediction protocol V1, as KServe and TensorFlow Serving speak it."""
