"""Files that a source drops into a folder or a bucket: what of them is new, and how their bytes become records."""
