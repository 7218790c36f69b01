"""What is served: files, registry addresses, versions, reloads."""
