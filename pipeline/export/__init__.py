"""The trained net as ONNX files that answer as it does."""
