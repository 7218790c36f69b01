"""Pictures of any kind as the pixels the network was trained on."""
