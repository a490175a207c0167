"""How the systems see people: records, accounts, cookies and devices with duplicates, errors and old values.

`People` is the truth; everything here is what somebody typed or a browser kept.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.sandbox.life import effects
from infra.sandbox.people.households import HEAD, PARTNER, People, branch_ids
from infra.sandbox.rows.draw import Draw, Flags, Ints, Text, constant, join, numbered, only, text, where

#: Values that many people share: what a hurried clerk types, and the call centre's own line.
PLACEHOLDER_EMAIL = "noemail@company.example"
PLACEHOLDER_PHONE = "13800000000"
CALL_CENTRE_PHONE = "02161000000"
#: Room for ids: every block of people and every stretch of time numbers its rows in a range of its own.
ID_RANGE = 10_000_000


@dataclass
class Accounts:
    """Accounts in the shop: one per person, a second one for some (another e-mail, perhaps another spelling)."""

    person: Ints
    account_id: Text
    email: Text
    delivery_name: Text
    of_person: Ints
    """The first account of each person (position in the arrays above)."""
    second: Ints
    """The account that a person used last: the second where there is one."""


@dataclass
class Digital:
    """Cookies and installed apps; `device` is null for people who never use the app."""

    cookies: list[Text]
    device: Text
    has_app: Flags


def typing_errors(draw: Draw, values: Text) -> Text:
    """One error per value: a character left out, two swapped, or one doubled. Values of one character stay."""
    size = len(values)
    frame = pa.table(
        {
            "row": np.arange(size),
            "value": values,
            "kind": draw.between(0, 3, size),
            "place": draw.rng.random(size),
        }
    )
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        misspelt = connection.sql(
            """
            with placed as (
                select *, 1 + cast(floor(place * greatest(length(value) - 1, 1)) as bigint) as spot from frame
            )
            select case
                when value is null or length(value) < 2 then value
                when kind = 0 then substr(value, 1, spot - 1) || substr(value, spot + 1)
                when kind = 1 then substr(value, 1, spot - 1)
                    || substr(value, spot + 1, 1) || substr(value, spot, 1) || substr(value, spot + 2)
                else substr(value, 1, spot) || substr(value, spot)
            end as value
            from placed order by row
            """
        ).to_arrow_table()
    return misspelt["value"].combine_chunks().cast(pa.string())


def with_errors(draw: Draw, values: Text, chance: float | Flags) -> Text:
    """The values, a share of them with a typing error."""
    wrong = draw.flags(len(values), chance) if isinstance(chance, float) else chance
    places = np.flatnonzero(wrong)
    if not len(places):
        return values
    spoilt = typing_errors(draw, values.take(pa.array(places)))
    return pc.replace_with_mask(values, pa.array(wrong), spoilt)


def phone_as_typed(draw: Draw, phone: Text) -> Text:
    """The same number in the ways people write it."""
    country, spaced, zeros, dashed = (draw.flags(len(phone), chance) for chance in (0.18, 0.12, 0.05, 0.06))
    parts = [pc.utf8_slice_codeunits(phone, *at) for at in ((0, 3), (3, 7), (7, 11))]
    typed = where(dashed, join(*parts, sep="-"), phone)
    typed = where(zeros, join(pa.scalar("0086"), phone), typed)
    typed = where(spaced, join(pa.scalar("+86 "), join(*parts, sep=" ")), typed)
    return where(country, join(pa.scalar("+86"), phone), typed)


def email_as_typed(draw: Draw, email: Text) -> Text:
    """The same address, sometimes in capitals."""
    return where(draw.flags(len(email), 0.03), pc.utf8_upper(email), email)


def wrong_values(draw: Draw, *, people: People, index: Ints, column: str) -> Text:
    """`email` or `phone` of people as a hurried system keeps it: 3 % wrong, three times that in the proxy cluster.

    Nearly all wrong values belong to nobody (typing errors) or to everybody (placeholders); one in twenty is the
    value of another member of the household, so that borrowed ids tie at most a household together.
    """
    values: Text = text(getattr(people, column), index)
    chance = np.where(people.is_proxy[index], 3.0, 1.0) * effects.WRONG_IDENTITY_SHARE
    wrong = draw.flags(len(index), chance)
    kind = draw.rng.random(len(index))
    values = with_errors(draw, values, wrong & (kind < 0.8))
    values = where(
        wrong & (kind >= 0.8) & (kind < 0.95), PLACEHOLDER_EMAIL if column == "email" else PLACEHOLDER_PHONE, values
    )
    neighbour = np.minimum(index + 1, len(people) - 1)
    same = people.household[neighbour] == people.household[index]
    return where(wrong & (kind >= 0.95) & same, text(getattr(people, column), neighbour), values)


def make_accounts(seed: int, block: int, people: People) -> Accounts:
    """Every person has an account; one in twelve made a second one."""
    draw = Draw(seed, block, 2)
    count = len(people)
    extra = np.flatnonzero(draw.flags(count, 0.08))
    person = np.concatenate([np.arange(count, dtype=np.int64), extra])
    is_second = np.arange(len(person)) >= count
    email = wrong_values(draw, people=people, index=person, column="email")
    other = join(
        text(people.given_latin, person), numbered("", people.number[person] % 9_973), pa.scalar("@mail.example")
    )
    email = where(is_second & draw.flags(len(person), 0.5), pc.utf8_lower(other), email)
    in_latin = is_second & draw.flags(len(person), 0.5)
    name = where(in_latin, people.full_name_latin(person), people.full_name(person))
    second = np.arange(count, dtype=np.int64)
    second[extra] = count + np.arange(len(extra))
    return Accounts(
        person=person,
        account_id=numbered("A", 10_000_000_000 + block * ID_RANGE * 2 + np.where(is_second, ID_RANGE, 0) + person),
        email=email_as_typed(draw, email),
        delivery_name=with_errors(draw, name, 0.02),
        of_person=np.arange(count, dtype=np.int64),
        second=second,
    )


def make_digital(seed: int, block: int, people: People) -> Digital:
    """Two browsers and, for most, a phone with the app."""
    draw = Draw(seed, block, 3)
    count = len(people)
    has_app = draw.flags(count, np.clip(0.35 + 0.3 * people.digital, 0, 0.95))
    low = draw.between(0, 2**31, count * 3).astype(np.uint64)
    key = (np.tile(people.number.astype(np.uint64), 3) << np.uint64(31)) | low
    mixed = (key * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
    tokens = [
        numbered(prefix, np.abs(mixed[at * count : (at + 1) * count]))
        for at, prefix in enumerate(("ck-", "ck-", "dv-"))
    ]
    return Digital(cookies=tokens[:2], device=only(has_app, tokens[2]), has_app=has_app)


def make_crm_records(seed: int, block: int, people: People, *, since: int) -> tuple[Ints, pa.Table]:
    """CRM's own view: which person each record is about, and its columns as first typed (without times and status).

    `since` is when the world began: who moved before gave the new address, but for the stale records among copies.
    """
    draw = Draw(seed, block, 4)
    count = len(people)
    copies = np.select([(chance := draw.rng.random(count)) < 0.03, chance < 0.885, chance < 0.985], [0, 1, 2], 3)
    person = np.repeat(np.arange(count, dtype=np.int64), copies)
    size = len(person)
    place = np.arange(size) - np.searchsorted(person, person)
    is_copy = place > 0

    def some(of_copies: float, of_first: float = 0.0) -> Flags:
        return draw.flags(size, np.where(is_copy, of_copies, of_first))

    family, given_names = text(people.family, person), text(people.given, person)
    chinese = people.is_chinese[person]
    in_latin = some(0.35, 0.06) & chinese
    family = where(in_latin, text(people.family_latin, person), family)
    given_names = where(in_latin, text(people.given_latin, person), given_names)
    given_names = where(some(0.18, 0.02) & ~in_latin, text(people.nickname, person), given_names)
    married = some(0.4, 0.08) & pc.is_valid(text(people.maiden, person)).to_numpy(zero_copy_only=False)
    family = where(married, text(people.maiden, person), family)
    given_names = with_errors(draw, given_names, some(0.15, 0.02))
    family = with_errors(draw, family, some(0.10, 0.01))
    swapped = some(0.10, 0.02)
    family, given_names = where(swapped, given_names, family), where(swapped, family, given_names)
    unspaced = chinese & ~in_latin
    family_first = unspaced | (in_latin & draw.flags(size, 0.5))
    western = where(draw.flags(size, 0.05), join(family, given_names, sep=", "), join(given_names, family, sep=" "))
    full = where(unspaced, join(family, given_names), where(family_first, join(family, given_names, sep=" "), western))
    address = people.address(person, (people.moved_at[person] <= since) & ~some(0.35, 0.05))
    household = numbered("H", people.household[person], 8)
    table = pa.table(
        {
            "crm_id": numbered("C", 100_000_000 + block * ID_RANGE + _scattered(draw, size)),
            "full_name": full,
            "given_name": only(draw.flags(size, 0.92), given_names),
            "family_name": only(draw.flags(size, 0.92), family),
            "name_latin": only(draw.flags(size, 0.4) | ~chinese, people.full_name_latin(person)),
            "birth_date": _birth_dates(
                draw, birth_day=people.birth_day[person], defaulted=some(0.10, 0.03), first_of_january=some(0.06, 0.02)
            ),
            "gender": only(draw.flags(size, 0.96), where(people.is_male[person], "M", "F")),
            "email": only(draw.flags(size, 0.85), _crm_emails(draw, people=people, person=person, changed=some(0.30))),
            "phone": only(draw.flags(size, 0.93), _crm_phones(draw, people=people, person=person, changed=some(0.15))),
            "national_id": only(~some(0.45, 0.12), text(people.national_id, person)),
            "loyalty_no": only(~some(0.5, 0.25), text(people.loyalty_no, person)),
            **address,
            "postcode": only(draw.flags(size, 0.85), address["postcode"]),
            "country": constant("CN", size),
            "household_id": only(draw.flags(size, 0.8), household),
            "branch_id": branch_ids(people.branch[person]),
            "tier": text(["basic", "silver", "gold", "vip"], people.tier[person]),
            "is_employee": people.is_employee[person],
        }
    )
    return person, table


def _scattered(draw: Draw, size: int) -> Ints:
    return draw.rng.permutation(size).astype(np.int64)


def _birth_dates(draw: Draw, *, birth_day: Ints, defaulted: Flags, first_of_january: Flags) -> Text:
    """ISO text; some 1900-01-01, some the first of January of the right year, some day/month/year."""
    iso = pa.array(birth_day.astype(np.int32), pa.int32()).cast(pa.date32()).cast(pa.string())
    year, month, day = (pc.utf8_slice_codeunits(iso, *at) for at in ((0, 4), (5, 7), (8, 10)))
    slashed = draw.flags(len(birth_day), 0.01)
    value = where(slashed, join(day, month, year, sep="/"), iso)
    value = where(first_of_january, join(year, pa.scalar("-01-01")), value)
    return only(draw.flags(len(birth_day), 0.97), where(defaulted, "1900-01-01", value))


def _crm_emails(draw: Draw, *, people: People, person: Ints, changed: Flags) -> Text:
    head = np.maximum.accumulate(np.where(people.role == HEAD, np.arange(len(people)), 0))
    shared = (people.role == PARTNER) & draw.flags(len(people), 0.05)
    values = wrong_values(draw, people=people, index=np.where(shared[person], head[person], person), column="email")
    newer = join(
        text(people.given_latin, person), numbered(".", people.number[person] * 7 % 99_991), pa.scalar("@163.example")
    )
    return email_as_typed(draw, where(changed, pc.utf8_lower(newer), values))


def _crm_phones(draw: Draw, *, people: People, person: Ints, changed: Flags) -> Text:
    head = np.maximum.accumulate(np.where(people.role == HEAD, np.arange(len(people)), 0))
    shared = (people.role != HEAD) & draw.flags(len(people), 0.06)
    values = wrong_values(draw, people=people, index=np.where(shared[person], head[person], person), column="phone")
    older = numbered("147", (people.number[person] * 15_485_863 + 3) % 100_000_000, 8)
    return phone_as_typed(draw, where(changed, older, values))


def loyalty_shown(draw: Draw, *, people: People, index: Ints, chance: float) -> Text:
    """Loyalty number where the person gave it."""
    return only(draw.flags(len(index), chance), text(people.loyalty_no, index))
