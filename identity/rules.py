"""Which records are proposed as one person, by which reason, and under which guards. Declarations only.

A rule puts records into blocks: those of one block share a value. Inside a block nothing is taken on trust: two
records that name somebody are joined only where `AGREEMENT` of the rule's evidence holds (`anchors`), records without
a name join one owner of the value or none (`attach`).

Weights are bits (log2 of how much likelier the agreement is for one person than for two), set by hand from how often
such values are shared in public registers; a trained model may replace them without a change elsewhere.
"""

from dataclasses import dataclass
from enum import StrEnum

from identity.names import Alike


class Evidence(StrEnum):
    """What a shared value proves, from most to least; decides the agreement that is asked for beside it."""

    ISSUED = "issued"  # an issuer gave it to one person: customer numbers, accounts, national ids
    CONTACT = "contact"  # reaches a household or a desk as often as a person: e-mails, phones
    ONLINE = "online"  # a thing, used by whoever is near: browsers, devices, handles
    PERSONAL = "personal"  # name, birth date and place, in combinations that only doubles share


@dataclass(frozen=True)
class Kind:
    """A kind of identifier: what sharing it proves, its weight in bits, its turn among the kinds (smaller first)."""

    evidence: Evidence
    weight: float
    turn: int


KINDS: dict[str, Kind] = {
    "national_id": Kind(Evidence.ISSUED, 24.0, 0),
    "crm_id": Kind(Evidence.ISSUED, 20.0, 1),
    "account_id": Kind(Evidence.ISSUED, 19.0, 2),
    "loyalty_no": Kind(Evidence.ISSUED, 19.0, 3),
    "email": Kind(Evidence.CONTACT, 14.0, 5),
    "phone": Kind(Evidence.CONTACT, 12.0, 6),
    "social_handle": Kind(Evidence.ONLINE, 12.0, 7),
    "device_serial": Kind(Evidence.ONLINE, 11.0, 8),
    "cookie_id": Kind(Evidence.ONLINE, 11.0, 9),
    "device_id": Kind(Evidence.ONLINE, 10.0, 10),
}
#: A kind that a new source brings is taken for an issued number until somebody says otherwise: guarded by names.
UNKNOWN_KIND = Kind(Evidence.ISSUED, 16.0, 4)


def kind_of(name: str) -> Kind:
    """The declaration of a kind, `UNKNOWN_KIND` for one not declared here."""
    return KINDS.get(name, UNKNOWN_KIND)


def rule_of(kind: str) -> str:
    """The name of the rule that a shared identifier of this kind fires."""
    return f"SAME_{kind.upper()}"


@dataclass(frozen=True)
class PersonalRule:
    """A rule on columns of `people`: `block` is SQL, null for records that it does not concern."""

    name: str
    block: str
    accepts: str


def digits_sql(email: str) -> str:
    """SQL of the digits of an e-mail, at least two; null otherwise."""
    digits = f"regexp_replace({email}, '[^0-9]', '', 'g')"
    return f"case when length({digits}) > 1 then {digits} end"


PERSONAL_RULES = (
    # Two people of one name born on one day exist in every big city: a place must agree, or the name be rare.
    PersonalRule(
        "SAME_NAME_AND_BIRTH_DATE",
        "name_key || '|' || cast(birth as varchar)",
        "same_street or same_postcode or same_city or name_is_rare",
    ),
    PersonalRule(
        "SAME_NAME_AND_ADDRESS", "name_key || '|' || street || '|' || coalesce(city, postcode)", "birth <> 'CONFLICT'"
    ),
    # Twins share both: the names must be spellings of one name.
    PersonalRule(
        "SAME_BIRTH_DATE_AND_ADDRESS",
        "cast(birth as varchar) || '|' || street || '|' || coalesce(city, postcode)",
        f"name >= {Alike.PARTIAL.value} or (name = {Alike.GIVEN_ONLY.value} and gender is not false)",
    ),
    # A slip in the address: letters differ, the number in it does not (wang12@ and wang13@ are two people).
    PersonalRule(
        "SAME_NAME_AND_SIMILAR_EMAIL",
        f"name_key || '|' || {digits_sql('email')}",
        "similar_email and birth <> 'CONFLICT'",
    ),
)
#: A record without a name that shows two values of one owner, as an e-mail and a phone of one survey.
SAME_CONTACT_CARD = "SAME_CONTACT_CARD"

#: What two named records must agree in beside the shared value. Columns: see `anchors.features_sql`.
AGREEMENT: dict[Evidence, str] = {
    Evidence.ISSUED: f"""case
        when name >= {Alike.SIMILAR.value} then true
        when name >= {Alike.GIVEN_ONLY.value} then birth <> 'CONFLICT'
        when rule = '{rule_of("national_id")}' then birth in ('SAME', 'CLOSE')
        when name = {Alike.DIFFERENT.value} then birth = 'SAME'
        else false end""",
    Evidence.CONTACT: f"""case
        when birth = 'CONFLICT' then false
        when name >= {Alike.PARTIAL.value} then true
        when name = {Alike.GIVEN_ONLY.value} then gender is not false
        else false end""",
}
#: Things change hands without a name being asked: never a reason to join two records that name somebody.
AGREEMENT[Evidence.ONLINE] = "false"

#: A value held under more names than a household has members, or by more records than a person makes, joins nobody.
MOST_NAMES = 12
MOST_RECORDS = {Evidence.ISSUED: 5_000, Evidence.CONTACT: 1_000, Evidence.ONLINE: 5_000, Evidence.PERSONAL: 200}
#: A name is rare where the data knows it with at most this many birth dates.
RARE_NAME_BIRTH_DATES = 3

NAME_WEIGHTS = {
    Alike.SAME: 9.0, Alike.SIMILAR: 6.0, Alike.PARTIAL: 3.0, Alike.GIVEN_ONLY: 1.0,
    Alike.FAMILY_ONLY: -5.0, Alike.DIFFERENT: -9.0,
}  # fmt: skip
BIRTH_WEIGHTS = {"SAME": 13.0, "CLOSE": 6.0, "CONFLICT": -8.0}
#: Agreement, disagreement; nothing where one of the two is null.
FIELD_WEIGHTS = {"gender": (1.0, -5.0), "street": (9.0, -1.0), "postcode": (5.0, -1.0), "city": (2.0, -1.0)}
IDENTIFIER_WEIGHTS = {
    "national_id": (24.0, -20.0), "email": (14.0, -1.0), "phone": (12.0, -1.0),
}  # fmt: skip
#: A nameless e-mail that nobody holds, one slip of a finger away from one that one person holds.
SIMILAR_EMAIL = "SIMILAR_EMAIL"
SIMILAR_EMAIL_WEIGHT = 9.0
#: Nameless views of one shared thing, undecided whose.
SAME_SHARED_IDENTIFIERS = "SAME_SHARED_IDENTIFIERS"
SINGLETON = "SINGLETON"
