"""The reasons for which records are one person, and what guards them. Declarations only.

Two records that name somebody are tied by a rule, or by the person model where no rule holds (`ties`). Records without
a name join the one owner of a value or none (`nameless_records`). A value that too many share ties nobody (`blocking`).
"""

from dataclasses import dataclass
from enum import StrEnum


class Evidence(StrEnum):
    """What a shared value proves, from most to least; decides what else must agree."""

    ISSUED = "issued"  # an issuer gave it to one person: customer numbers, accounts, national ids
    CONTACT = "contact"  # reaches a household or a desk as often as a person: e-mails, phones
    ONLINE = "online"  # a thing, used by whoever is near: browsers, devices, handles


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


def digits_sql(email: str) -> str:
    """SQL of the digits of an e-mail, at least two; null otherwise."""
    digits = f"regexp_replace({email}, '[^0-9]', '', 'g')"
    return f"case when length({digits}) > 1 then {digits} end"


@dataclass(frozen=True)
class Rule:
    """A reason for which two records that name somebody are one person, whatever the model says.

    Attributes:
        name: the reason, as it stands in `match_kind`; `SAME_{KIND}` becomes the kind of number that is shared.
        holds: what must agree: levels of the person model by comparison, any one of each.
    """

    name: str
    holds: dict[str, tuple[str, ...]]


_NAME_IS_SAME = {"given_name": ("same", "same sound"), "family_name": ("same",)}
_GIVEN_IS_ALIKE = {
    "given_name": (
        "same", "same sound", "nickname", "exchanged with the family name", "doubled character", "one character more",
        "similar", "syllables exchanged", "initial", "one within the other",
    )
}  # fmt: skip
_NAME_IS_ALIKE = _GIVEN_IS_ALIKE | {
    "family_name": ("same", "exchanged with the given name", "similar", "one within the other")
}
_BORN_ALIKE = ("same", "one slip")
_BIRTH_MAY_BE_SAME = (*_BORN_ALIKE, "not known")
_GENDER_MAY_BE_SAME = ("same", "not known")

#: A record without a name that shows two values of one owner, as an e-mail and a phone of one survey.
SAME_CONTACT_CARD = "SAME_CONTACT_CARD"
#: Strongest first: a pair gets the name of the first rule that holds.
RULES = (
    Rule("SAME_NATIONAL_ID", {"national_id": ("same",), **_NAME_IS_ALIKE}),
    Rule("SAME_NATIONAL_ID", {"national_id": ("same",), "birth_date": _BORN_ALIKE}),
    Rule("SAME_{KIND}", {"identifier": ("one shared",), **_NAME_IS_ALIKE}),
    Rule("SAME_{KIND}", {"identifier": ("one shared",), **_GIVEN_IS_ALIKE, "birth_date": _BIRTH_MAY_BE_SAME}),
    Rule("SAME_{KIND}", {"identifier": ("one shared",), "birth_date": ("same",)}),
    Rule("SAME_EMAIL", {"email": ("same",), **_NAME_IS_ALIKE, "birth_date": _BIRTH_MAY_BE_SAME}),
    Rule(
        "SAME_EMAIL",
        {"email": ("same",), **_GIVEN_IS_ALIKE, "birth_date": _BIRTH_MAY_BE_SAME, "gender": _GENDER_MAY_BE_SAME},
    ),
    Rule("SAME_PHONE", {"phone": ("same",), **_NAME_IS_ALIKE, "birth_date": _BIRTH_MAY_BE_SAME}),
    Rule(
        "SAME_PHONE",
        {"phone": ("same",), **_GIVEN_IS_ALIKE, "birth_date": _BIRTH_MAY_BE_SAME, "gender": _GENDER_MAY_BE_SAME},
    ),
    # Two people of one name born on one day exist in every big city: a place must agree.
    Rule(
        "SAME_NAME_AND_BIRTH_DATE",
        _NAME_IS_SAME
        | {
            "birth_date": ("same",),
            "address": ("same", "similar", "same street, other place", "same postcode", "same city"),
        },
    ),
    Rule("SAME_NAME_AND_ADDRESS", _NAME_IS_SAME | {"address": ("same", "similar"), "birth_date": _BIRTH_MAY_BE_SAME}),
    # Twins share both: the names must be spellings of one name.
    Rule("SAME_BIRTH_DATE_AND_ADDRESS", {"birth_date": ("same",), "address": ("same",), **_GIVEN_IS_ALIKE}),
    Rule(SAME_CONTACT_CARD, _NAME_IS_ALIKE | {"birth_date": _BIRTH_MAY_BE_SAME}),
    Rule("SAME_NAME_AND_SIMILAR_EMAIL", _NAME_IS_SAME | {"email": ("similar",), "birth_date": _BIRTH_MAY_BE_SAME}),
)


@dataclass(frozen=True)
class Contradiction:
    """What shows two people, whatever else agrees.

    Attributes:
        name: the reason.
        holds: as in `Rule`.
        unless: levels of which one takes the contradiction away.
        is_certain: such two records are never of one person, not even by others that tie both.
        holds_for_parts: what the two show of themselves they show of all records that are theirs. Others that lack what
            tells the two apart cannot bridge them, however many they are: only a number of their own can.
    """

    name: str
    holds: dict[str, tuple[str, ...]]
    unless: dict[str, tuple[str, ...]]
    is_certain: bool
    holds_for_parts: bool = False


_OTHER_GIVEN_NAME = ("different", "one character differs", "other generation")
#: Numbers that are one person's own, whoever else shares the rest.
OWN_NUMBER = {"national_id": ("same", "one slip"), "identifier": ("one shared",)}
#: What people of one household share, any of these.
_HOUSEHOLD = ({"address": ("same", "similar")}, {"phone": ("same",)}, {"email": ("same",)})
CONTRADICTIONS = (
    Contradiction("TWO_VALID_NATIONAL_IDS", {"national_id": ("two valid ones",)}, {}, is_certain=True),
    *(
        Contradiction(
            "TWINS", {"given_name": _OTHER_GIVEN_NAME, "birth_date": ("same",)} | home, OWN_NUMBER, is_certain=False
        )
        for home in _HOUSEHOLD
    ),
    # Father and son, aunt and niece: a family gives a name again, and lives near as often as together.
    Contradiction(
        "NAMESAKES",
        {"birth_date": ("different",), **_NAME_IS_SAME},
        OWN_NUMBER,
        is_certain=False,
        holds_for_parts=True,
    ),
    Contradiction(
        "JUNIOR_AND_SENIOR",
        {"given_name": ("other generation",)},
        OWN_NUMBER | {"birth_date": _BORN_ALIKE},
        is_certain=False,
    ),
)
#: The model ties them, and no rule by itself.
SIMILAR_PERSON = "SIMILAR_PERSON"
#: Records that say the same of somebody, value for value in comparable form.
SAME_VALUES = "SAME_VALUES"
#: A person judged so.
LABELLED_SAME = "LABELLED_SAME"

#: A value held under more names than a household has members, or by more records than a person makes, joins nobody.
MAX_NAMES = 12
MAX_RECORDS = {Evidence.ISSUED: 5_000, Evidence.CONTACT: 1_000, Evidence.ONLINE: 5_000}
#: Kinds whose weight has a column of its own; the weight of all others is in `weight_identifier`.
OWN_COLUMNS = ("national_id", "email", "phone")
#: A nameless e-mail that nobody holds, one slip of a finger away from one that one person holds.
SIMILAR_EMAIL = "SIMILAR_EMAIL"
SIMILAR_EMAIL_WEIGHT = 9.0
#: Nameless views of one shared thing, undecided whose.
SAME_SHARED_IDENTIFIERS = "SAME_SHARED_IDENTIFIERS"
SAME_SHARED_IDENTIFIERS_WEIGHT = 8.0
SINGLETON = "SINGLETON"
