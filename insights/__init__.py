"""What front line people see of a person, served. Scores, short lists and alerts will live beside the page."""
