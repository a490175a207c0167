"""The pages of the product: `portal/` (data quality) and `person/` (one person's file), on loopback (ADR 34).

`loopback` says where a page may listen, `loopback_guard` whom it answers, `serving` runs it. `pages`, `templates/` and
`style/` are the frame that all share; `language` and `texts/` hold every word in English and Chinese, `writing`
how values are written. A new text is a key with both languages in `texts/<room>.yaml`, shown by `t("<room>.<key>")`.
"""
