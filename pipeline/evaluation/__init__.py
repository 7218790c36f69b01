"""How good the exported model is, in numbers."""
