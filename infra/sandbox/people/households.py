"""The people behind the records: households, names, numbers, habits and hidden inclinations. This is the truth.

A block of people is a pure function of (seed, block): it is made again, not stored, whenever time passes. How a
system sees them (typing errors, duplicates) is in `system_views.py`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.sandbox.life import effects
from infra.sandbox.people import name_lists
from infra.sandbox.rows.draw import DAY, HOUR, Draw, Flags, Floats, Ints, Text, join, numbered, only, text, where

HEAD, PARTNER, CHILD, PARENT = range(4)
CHANNELS = ("email", "sms", "app", "wechat", "phone")
BRANCHES = 40
_YEAR_DAYS = 365.25
#: Multipliers that are coprime to their modulus: unique numbers that do not look like running ones.
_SCATTER = 7_919


@dataclass
class People:
    """One block of people; every field is an array with one value per person.

    Times are microseconds since 1970; `number` is the person's place in the whole world.
    """

    number: Ints
    household: Ints
    role: Ints
    is_twin: Flags
    is_male: Flags
    is_chinese: Flags
    birth_day: Ints
    family: Text
    given: Text
    family_latin: Text
    given_latin: Text
    nickname: Text
    maiden: Text
    email: Text
    phone: Text
    national_id: Text
    loyalty_no: Text
    handle: Text
    street: Text
    old_street: Text
    town: Ints
    old_town: Ints
    postcode: Text
    old_postcode: Text
    branch: Ints
    tier: Ints
    is_employee: Flags
    favour_seller: Ints
    moved_at: Ints
    joined_at: Ints
    risk: Floats
    mood: Floats
    digital: Floats
    spending: Floats
    segment: Ints
    channel: Ints
    hour: Ints
    is_proxy: Flags

    def __len__(self) -> int:
        return len(self.number)

    @property
    def region(self) -> Ints:
        """Index into `name_lists.REGIONS`."""
        return TOWN_REGION[self.town]

    def region_name(self, index: Ints) -> Text:
        """Region of the given people, as text."""
        return text(name_lists.REGIONS, self.region[index])

    def address(self, index: Ints, is_new: Flags) -> dict[str, Text]:
        """Street, city, region and postcode of the given people, before or after their move."""
        town = np.where(is_new, self.town[index], self.old_town[index])
        return {
            "street": where(is_new, text(self.street, index), text(self.old_street, index)),
            "city": text([name for name, *_ in name_lists.TOWNS], town),
            "region": text(name_lists.REGIONS, TOWN_REGION[town]),
            "postcode": where(is_new, text(self.postcode, index), text(self.old_postcode, index)),
        }

    def full_name(self, index: Ints) -> Text:
        """The name as its owner would write it."""
        chinese = join(text(self.family, index), text(self.given, index))
        latin = join(text(self.given, index), text(self.family, index), sep=" ")
        return where(self.is_chinese[index], chinese, latin)

    def full_name_latin(self, index: Ints) -> Text:
        """The name in Latin script, given name first."""
        return join(text(self.given_latin, index), text(self.family_latin, index), sep=" ")


TOWN_REGION = np.array([name_lists.REGIONS.index(region) for _, region, _, _ in name_lists.TOWNS], dtype=np.int64)


def branch_ids(branch: Ints) -> Text:
    """Branch numbers as the systems write them."""
    return numbered("B", branch, 3)


def make_people(seed: int, *, block: int, first: int, count: int, start: int, end: int) -> People:
    """`count` people, of whom the first is number `first` of the world that runs from `start` to `end`."""
    draw = Draw(seed, block, 1)
    household, role = _households(draw, count)
    number = first + np.arange(count, dtype=np.int64)
    head = np.maximum.accumulate(np.where(role == HEAD, np.arange(count), 0))
    is_male = draw.flags(count, 0.5)
    is_male = np.where(role == HEAD, draw.flags(count, 0.6), is_male)
    is_male = np.where(role == PARTNER, ~is_male[head], is_male)
    birth_day, is_twin = _birth_days(draw, role=role, head=head, end=end)
    is_chinese = draw.flags(count, 0.72)[head]
    name = _names(draw, role=role, head=head, is_male=is_male, is_chinese=is_chinese)
    town = draw.index(count, [weight for *_, weight in name_lists.TOWNS])[head]
    old_town = np.where(draw.flags(count, 0.3), draw.index(count, [w for *_, w in name_lists.TOWNS]), town)
    codes = [code for _, _, code, _ in name_lists.TOWNS]
    postcode = join(text(codes, town), numbered("", draw.between(0, 999, count)[head], 3))
    streets = _streets(draw, count, is_chinese)
    scattered = (number * _SCATTER + 12_345) % 100_000_000
    is_employee = draw.flags(count, 0.045)
    tier = draw.index(count, [55, 25, 14, 6])
    risk = draw.rng.standard_normal(count)
    join_share = draw.rng.random(count)
    digital = draw.rng.gamma(2.0, 0.5, count)
    return People(
        number=number,
        household=household + first,
        role=role,
        is_twin=is_twin,
        is_male=is_male,
        is_chinese=is_chinese,
        birth_day=birth_day,
        **name,
        email=_emails(draw, name, number),
        phone=_phones(draw, scattered),
        national_id=_national_ids(draw, number=number, birth_day=birth_day, is_male=is_male),
        loyalty_no=numbered("L", 100_000_000 + (number * 104_729 + 7) % 900_000_000),
        handle=join(
            text(["小", "大", "阿", "the_", "real_", "just_"], draw.between(0, 6, count)),
            name["given_latin"],
            numbered("_", scattered % 1_000_000),
        ),
        street=text(streets, head),
        old_street=_streets(draw, count, is_chinese),
        town=town,
        old_town=old_town,
        postcode=postcode,
        old_postcode=where(old_town == town, postcode, join(text(codes, old_town), numbered("", scattered % 1_000, 3))),
        branch=_branch_of(draw, town),
        tier=tier,
        is_employee=is_employee,
        favour_seller=_favour_sellers(draw, is_employee=is_employee, household=household, number=number),
        # One in twelve moves in a year; the calendar is fixed so that a longer world does not move people earlier.
        moved_at=end + (draw.rng.uniform(-4, 8, count) * _YEAR_DAYS * DAY).astype(np.int64),
        joined_at=np.where(
            join_share < 0.9,
            start - (draw.rng.exponential(3, count) * _YEAR_DAYS * DAY).astype(np.int64) - DAY,
            start + (draw.rng.random(count) * (end - start)).astype(np.int64),
        ),
        risk=risk,
        mood=draw.rng.standard_normal(count),
        digital=digital,
        spending=draw.rng.gamma(2.0, 0.5, count) * (1 + 0.4 * tier),
        segment=_segments(draw, risk),
        channel=draw.index(count, [30, 15, 20, 25, 10]),
        hour=np.clip(np.rint(draw.rng.normal(np.where(draw.flags(count, 0.5), 11.0, 20.0), 1.6)), 6, 23).astype(
            np.int64
        ),
        is_proxy=np.array([code == name_lists.PROXY_POSTCODE for code in codes])[town],
    )


def _households(draw: Draw, count: int) -> tuple[Ints, Ints]:
    sizes = 1 + draw.index(count, [35, 33, 20, 9, 3])
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
    household = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)[:count]
    place = np.arange(count) - np.searchsorted(household, household)
    role = np.minimum(place, CHILD)
    role = np.where((place == 3) & draw.flags(count, 0.4), PARENT, role)
    return household, role.astype(np.int64)


def _birth_days(draw: Draw, *, role: Ints, head: Ints, end: int) -> tuple[Ints, Flags]:
    """Days since 1970; a fifth of second children are twins of the first."""
    count = len(role)
    head_age = draw.rng.uniform(28, 68, count)[head]
    age = np.select(
        [role == HEAD, role == PARTNER, role == PARENT],
        [
            head_age,
            np.clip(head_age + draw.rng.normal(0, 4, count), 21, 80),
            head_age + draw.rng.uniform(20, 30, count),
        ],
        np.clip(head_age - draw.rng.uniform(20, 34, count), 10, 40),
    )
    born = (end // DAY - age * _YEAR_DAYS).astype(np.int64)
    older = np.maximum(np.arange(count) - 1, 0)
    is_second = (role == CHILD) & (role[older] == CHILD) & (np.arange(count) > 0)
    twin = is_second & draw.flags(count, effects.TWIN_SHARE)
    born = np.where(twin, born[older], born)
    is_twin = twin.copy()
    is_twin[older[twin]] = True
    return born, is_twin


def _names(draw: Draw, *, role: Ints, head: Ints, is_male: Flags, is_chinese: Flags) -> dict[str, Text]:
    """Children bear the household's family name; Chinese partners keep theirs, Latin ones take it (`maiden` before)."""
    count = len(role)
    hanzi, pinyin = name_lists.pairs(name_lists.FAMILY_HANZI)
    own = draw.index(count, 1 / (np.arange(len(hanzi)) + 6.0))
    family = np.where((role == PARTNER) | ((role == PARENT) & draw.flags(count, 0.5)), own, own[head])
    sign, sound = name_lists.pairs(name_lists.GIVEN_HANZI)
    half = len(sign) // 2
    syllables = [draw.between(0, half + 6, count) + np.where(is_male, len(sign) - half - 6, 0) for _ in range(2)]
    has_two = draw.flags(count, 0.75)
    given_zh = where(has_two, join(text(sign, syllables[0]), text(sign, syllables[1])), text(sign, syllables[0]))
    given_py = where(has_two, join(text(sound, syllables[0]), text(sound, syllables[1])), text(sound, syllables[0]))
    latin_own = draw.between(0, len(name_lists.FAMILY_LATIN), count)
    women, men = name_lists.pairs(name_lists.GIVEN_LATIN_F), name_lists.pairs(name_lists.GIVEN_LATIN_M)
    given_index = draw.between(0, min(len(women[0]), len(men[0])), count)
    # Father and son of one name: the trap of every matcher that trusts name and address.
    same_name = (role == CHILD) & is_male & is_male[head] & ~is_chinese & draw.flags(count, effects.SAME_NAME_SON_SHARE)
    given_index = np.where(same_name, given_index[head], given_index)
    family_latin = text(name_lists.FAMILY_LATIN, latin_own[head])
    given_latin = where(is_male, text(men[0], given_index), text(women[0], given_index))
    nickname = where(is_male, text(men[1], given_index), text(women[1], given_index))
    took_name = (role == PARTNER) & ~is_male & ~is_chinese
    return {
        "family": where(is_chinese, text(hanzi, family), family_latin),
        "given": where(is_chinese, given_zh, given_latin),
        "family_latin": where(is_chinese, text(pinyin, family), family_latin),
        "given_latin": where(is_chinese, pc.utf8_capitalize(given_py), given_latin),
        "nickname": where(is_chinese, join(pa.scalar("小"), text(sign, syllables[0])), nickname),
        "maiden": only(took_name, text(name_lists.FAMILY_LATIN, latin_own)),
    }


def _streets(draw: Draw, count: int, is_chinese: Flags) -> Text:
    house, flat = draw.between(1, 400, count), draw.between(101, 2_905, count)
    hanzi = join(
        draw.pick(name_lists.STREETS_HANZI, count),
        numbered("", house),
        pa.scalar("号"),
        numbered("", flat),
        pa.scalar("室"),
    )
    latin = join(
        numbered("", house), pa.scalar(" "), draw.pick(name_lists.STREETS_LATIN, count), numbered(", Apt ", flat)
    )
    return where(is_chinese, hanzi, latin)


def _emails(draw: Draw, name: dict[str, Text], number: Ints) -> Text:
    plain = pc.replace_substring_regex(
        pc.utf8_lower(join(name["given_latin"], name["family_latin"], sep=".")), r"[^a-z.]", ""
    )
    return join(
        plain,
        numbered("", number * 3 + 11),
        pa.scalar("@"),
        draw.pick(name_lists.MAIL_HOSTS, len(number), [30, 20, 20, 15, 10, 5]),
    )


def _phones(draw: Draw, scattered: Ints) -> Text:
    """Chinese mobile numbers, eleven digits, unique: three digits of network before eight scattered ones."""
    return join(
        draw.pick(("135", "136", "138", "139", "150", "158", "177", "186", "188", "199"), len(scattered)),
        numbered("", scattered, 8),
    )


def _national_ids(draw: Draw, *, number: Ints, birth_day: Ints, is_male: Flags) -> Text:
    """Eighteen characters with the check digit of GB 11643 (weights 2^(17-i) mod 11)."""
    area = 110_000 + (number * 31) % 540_000
    days = birth_day.astype("datetime64[D]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    order = draw.between(0, 500, len(number)) * 2 + is_male
    body = ((area * 10_000 + year) * 10_000 + month * 100 + day) * 1_000 + order
    digits = (body[:, None] // 10 ** np.arange(16, -1, -1, dtype=np.int64)) % 10
    weights = np.array([pow(2, 17 - i, 11) for i in range(17)], dtype=np.int64)
    return join(numbered("", body), text(list("10X98765432"), (digits @ weights) % 11))


def _branch_of(draw: Draw, town: Ints) -> Ints:
    """A branch of the person's own town."""
    towns = len(name_lists.TOWNS)
    per_town = (BRANCHES - town - 1) // towns + 1
    return town + towns * (draw.rng.random(len(town)) * per_town).astype(np.int64)


def _favour_sellers(draw: Draw, *, is_employee: Flags, household: Ints, number: Ints) -> Ints:
    """World number of an employee of the same household who sells favours to relatives, else -1."""
    seller = np.full(int(household[-1]) + 1, -1, dtype=np.int64)
    seller[household[is_employee]] = number[is_employee]
    seller_of = seller[household]
    return np.where((seller_of == number) | draw.flags(len(number), 0.1), -1, seller_of)


def _segments(draw: Draw, risk: Floats) -> Ints:
    """0 unmoved, 1 persuadable (20 %), 2 better left alone (10 %); the tenth at highest risk is always unmoved.

    Persuadable people are of middling risk or above: nobody can be kept with 6 points who would leave with 3.
    """
    rank = np.argsort(np.argsort(risk)) / max(len(risk), 1)
    persuadable = (rank >= 0.5) & (rank < 0.9) & draw.flags(len(risk), effects.PERSUADABLE_SHARE / 0.4)
    rest = (rank >= 0.1) & (rank < 0.9) & ~persuadable
    sleeping = rest & draw.flags(len(risk), effects.SLEEPING_SHARE / (0.8 - effects.PERSUADABLE_SHARE))
    return np.select([persuadable, sleeping], [1, 2], 0).astype(np.int64)


def at_preferred_hour(draw: Draw, days: Ints, hours: Ints) -> Ints:
    """Moments on the given days (microseconds of midnight): at the preferred hour in 70 %, else over the waking day."""
    obeyed = draw.flags(len(days), effects.PREFERENCE_OBEYED)
    hour = np.where(obeyed, hours, draw.between(6, 24, len(days)))
    moment: Ints = days + hour * HOUR + draw.between(0, HOUR, len(days))
    return moment
