"""The ways to ask: friendly, Open Inference Protocol, MLflow."""
