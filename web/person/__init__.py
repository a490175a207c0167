"""The page of one person's file: search, profile, journey, where each value comes from, why it is one person.

`serve` listens on loopback, `app` holds the addresses, `guard` says who is answered and how. What is shown is gathered
by `search`, `front`, `person`, `journey`, `consents` and `history`; `words` and `templates/` turn it into HTML.
`access_log` notes who looked at whom. It runs within `lake up`, or alone: `python -m web.person`.
"""
