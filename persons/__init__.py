"""One person's file, read in one place for the command line and the pages.

`lookup` and `search` lead to a person; `profile` and `person_file` read the file, with `records`,
`journey`, `history` and `reviews`; `overview` is what is known of all persons together.
"""
