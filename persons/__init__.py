"""One person's file, read in one place for the command line, the pages and the API."""
