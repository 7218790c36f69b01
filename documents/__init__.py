"""What writes the pages of docs/ that are generated, and the pictures in them."""
