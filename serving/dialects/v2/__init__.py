"""Open Inference Protocol V2, JSON and binary."""
