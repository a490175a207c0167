"""What is promised: source contracts, the catalogue of every table, settings and errors. Imports nothing of ours."""
