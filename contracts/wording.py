"""Numbers of things in words, for every text that a person reads."""


def many(count: int, noun: str, plural: str | None = None) -> str:
    """A number and what is counted: `1 record`, `1,234 records`; `plural` for nouns that take more than an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
