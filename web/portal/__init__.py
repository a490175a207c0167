"""The quality portal for governance staff."""
