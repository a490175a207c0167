"""The simulated company: nine systems that do not agree on who the customer is, and the truth kept apart.

`world.create` makes it, `world.advance` lets time pass in it, `survey_api.serve` answers for its survey system;
`reconcile` and `score` compare a pipeline with the truth. Nothing here is read by the pipeline itself, which sees
only the systems' files, databases and addresses.
"""
