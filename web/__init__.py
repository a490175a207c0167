"""The pages of the product, served on loopback."""
