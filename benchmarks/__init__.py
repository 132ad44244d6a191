"""What `beckon bench` measures, and the rivals beside it; part of the checkout, not of the package."""
