"""Person ids, the history of links, and incremental resolution."""
