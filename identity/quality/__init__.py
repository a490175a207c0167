"""How good the links are: measured against a truth or against the labels of people."""
