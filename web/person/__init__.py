"""The page of one person's file: search, profile, journey, where each value comes from, why it is one person.

`app` holds the addresses and `serve` listens on loopback. What is shown is read by `persons/`; `journey_picture`, `why`
and `waterfall` draw it, `words` and `templates/` turn it into HTML. `governance/access_log.py` records who looked at
whom. The page runs within `lake up`, or alone: `python -m web.person`.
"""
