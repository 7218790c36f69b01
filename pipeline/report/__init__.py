"""How good the exported model is, in pictures and words."""
