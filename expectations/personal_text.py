"""How personal values look, as regular expressions of RE2 (DuckDB): the guard of the open zones (ADR 9).

They look for identifiers that have a shape. Names and streets have none; those are compared with what the lake knows
of people (`known_values` in a suite file). A token is one run of 32 hex digits, so that no shape fits inside it.
"""

from lake.sql.text import literal, quoted

_NOT_WORD_BEFORE, _NOT_WORD_AFTER = r"(?:^|[^0-9A-Za-z])", r"(?:$|[^0-9A-Za-z])"

E_MAIL = r"[0-9A-Za-z._%+-]+@[0-9A-Za-z-]+\.[A-Za-z]"
#: Mainland mobile numbers, bare, grouped or with +86; and any international number written with its plus.
PHONE = (
    rf"{_NOT_WORD_BEFORE}(?:(?:\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}{_NOT_WORD_AFTER}"
    rf"|\+[1-9](?:[ ()-]{{0,2}}[0-9]){{8,14}}{_NOT_WORD_AFTER}"
)
#: Resident identity number (GB 11643-1999): region, birth date, sequence, check character.
NATIONAL_ID = (
    rf"{_NOT_WORD_BEFORE}[1-9][0-9]{{5}}(?:19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    rf"[0-9]{{3}}[0-9Xx]{_NOT_WORD_AFTER}"
)
PERSONAL_TEXT = f"{E_MAIL}|{PHONE}|{NATIONAL_ID}"


def rows_with_personal_text(column: str) -> str:
    """The SQL measure of rows in which a column (text, or lists and structs of text) holds such a value."""
    return f"count(*) filter (where regexp_matches(cast({quoted(column)} as varchar), {literal(PERSONAL_TEXT)}))"
