"""What verbs print with: one JSON document, tables, titled panels, the progress of a long command."""
