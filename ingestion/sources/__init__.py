"""The sources: one folder each, found by its contract; nothing is listed by hand."""
