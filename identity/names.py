"""Names of people in comparable form, in Latin and Chinese script and any order, and how alike two of them are.

Pure functions on single values; `normalise` calls them once per distinct name, `anchors` once per distinct pair.
No name ever leaves this module in a message.
"""

import csv
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

HANZI = re.compile(r"[㐀-鿿豈-﫿·]+")
_LATIN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
#: Passports write the umlaut of pinyin as "yu", keyboards as "v": Lyu, Lv and Lü are one name.
_UMLAUT = re.compile(r"\b([ln])(?:yu|v)")
_TITLES = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "prof",
        "sir",
        "madam",
        "herr",
        "frau",
        "dipl",
        "ing",
        "phd",
        "md",
        "esq",
        "hon",
        "rev",
    )
)
#: Words that begin a family name of several.
_PARTICLES = frozenset(
    ("de", "del", "della", "der", "di", "da", "dos", "du", "la", "le", "van", "von", "zu", "bin", "al", "el")
)
_GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "2", "iii": "3", "iv": "4"}
_HANZI_TITLES = re.compile(r"(先生|女士|小姐|太太|夫人|老师|经理|同学|师傅|阿姨)$")
_COMPOUND_SURNAMES = frozenset(
    (
        "欧阳", "司马", "诸葛", "上官", "东方", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐", "长孙", "宇文",
        "轩辕", "端木", "独孤", "南宫", "西门", "歐陽", "諸葛", "東方",
    )
)  # fmt: skip
#: The family names of nine tenths of Chinese people: where only the last character is one, the given name stands first.
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆"
    "范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤張劉陳楊黃趙吳孫馬鄭謝許韓馮鄧"
)
#: Characters read otherwise as a surname than in the dictionary (Xinhua Zidian).
_SURNAME_READINGS = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "查": "zha", "区": "ou", "朴": "piao", "翟": "zhai",
    "任": "ren", "盖": "ge", "尉": "wei", "缪": "miao", "种": "chong", "秘": "bi", "乐": "yue", "员": "yun",
    "召": "shao", "洗": "xian", "折": "she", "黑": "he", "繁": "po", "葛": "ge", "华": "hua", "覃": "qin",
}  # fmt: skip
#: The hundred commonest Chinese family names in passport spelling: in "Zhang Wei" the family comes first.
_PINYIN_SURNAMES = frozenset(
    (
        "wang", "li", "zhang", "liu", "chen", "yang", "huang", "zhao", "wu", "zhou", "xu", "sun", "ma",
        "zhu", "hu", "guo", "he", "lin", "gao", "luo", "zheng", "liang", "xie", "song", "tang", "han",
        "feng", "deng", "cao", "peng", "zeng", "xiao", "tian", "dong", "pan", "yuan", "cai", "jiang", "yu",
        "du", "ye", "cheng", "wei", "su", "lu", "ding", "ren", "yao", "shen", "zhong", "cui", "tan", "fan",
        "liao", "shi", "jin", "jia", "xia", "fu", "fang", "zou", "xiong", "bai", "meng", "qin", "qiu",
        "hou", "yin", "xue", "yan", "duan", "lei", "long", "tao", "he", "gu", "mao", "hao", "gong", "shao",
        "wan", "qian", "dai", "mo", "kong", "xiang", "chang", "ouyang", "sima", "shangguan", "zhuge",
        "murong", "situ",
    )
)  # fmt: skip
_PLACEHOLDERS = frozenset(
    (
        "unknown", "none", "null", "nil", "na", "test", "tester", "anonymous", "customer", "client",
        "guest", "noname", "user", "unbekannt", "xxx", "未知", "无", "匿名", "测试", "客户", "顾客", "用户",
    )
)  # fmt: skip


class Alike(IntEnum):
    """How far two names agree; larger is more. `FAMILY_ONLY` is what relatives look like."""

    DIFFERENT = -2
    FAMILY_ONLY = -1
    UNKNOWN = 0
    GIVEN_ONLY = 1
    PARTIAL = 2
    SIMILAR = 3
    SAME = 4


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart.

    Attributes:
        key: the letters in the rotation that sorts first, so that neither order nor spacing matters.
        tokens: Latin parts, or the pinyin of family and given name; nicknames stand as written.
        hanzi: the Chinese characters, without title; empty for a Latin name.
        family, given: where they are known; else empty.
        generation: `jr`, `sr`, `2` …: what tells father and son apart.
    """

    key: str
    tokens: tuple[str, ...]
    hanzi: str = ""
    family: str = ""
    given: str = ""
    generation: str = ""

    @property
    def parts(self) -> tuple[str, str]:
        """Given and family name in Latin letters, either empty where there is none; a guess where nothing says which
        is which: a common Chinese family name is the family name, else the last part is."""
        if self.family or self.given:
            return self.given, self.family
        if len(self.tokens) < 2:
            return "", "".join(self.tokens)
        first, last = self.tokens[0] in _PINYIN_SURNAMES, self.tokens[-1] in _PINYIN_SURNAMES
        if first and not last:
            return "".join(self.tokens[1:]), self.tokens[0]
        particle = next((place for place, token in enumerate(self.tokens[1:], 1) if token in _PARTICLES), -1)
        return "".join(self.tokens[:particle]), "".join(self.tokens[particle:])

    @property
    def pet(self) -> str:
        """The character that 小 or 阿 stands before (王小明: 明), where the name may be a pet name."""
        return self.hanzi[-1] if len(self.hanzi) > 2 and self.hanzi[-2] in "小阿" else ""

    @property
    def hanzi_once(self) -> str:
        """The characters without those that repeat the one before: equal where a key was pressed twice."""
        return "".join(c for c, before in zip(self.hanzi, " " + self.hanzi, strict=False) if c != before)

    @property
    def pet_letters(self) -> str:
        """The same in Latin letters (Xiaoming: ming), for names in two scripts."""
        given = self.parts[0]
        return given[4:] if given.startswith("xiao") and len(given) > 6 else ""

    @property
    def nicknames(self) -> list[int]:
        """Groups of short and full forms (lines of nicknames.csv) that the given name stands in."""
        return sorted(
            set().union(*(_nicknames().get(token, frozenset()) for token in (self.parts[0], *self.tokens[:1])))
        )

    @property
    def is_full(self) -> bool:
        """Whether it names one person: a family and a given name, not "Mr Wang"."""
        return len(self.tokens) > 1 or (not (self.hanzi or self.given or self.family) and len(self.key) >= 9)


def parse_name(full: str | None, given: str | None = None, family: str | None = None) -> Name | None:
    """Take a name apart; None where there is none, or a placeholder. A full name wins over its parts."""
    full, given, family = (_clean(text) for text in (full, given, family))
    if not full and bool(given) != bool(family):
        return _parse_part(given, family)
    text = full or " ".join(part for part in (given, family) if part)
    hanzi = _HANZI_TITLES.sub("", "".join(HANZI.findall(text)).replace("·", ""))
    if hanzi:
        return None if hanzi in _PLACEHOLDERS else _parse_hanzi(hanzi, "".join(HANZI.findall(family)))
    return _parse_latin(text, given, family)


def _parse_part(given: str, family: str) -> Name | None:
    """A given name alone, or a family name alone."""
    text = given or family
    hanzi = "".join(HANZI.findall(text)).replace("·", "")
    letters = "".join(map(_reading, hanzi)) or "".join(t for t in _latin_tokens(text) if t not in _TITLES)
    if not letters or text in _PLACEHOLDERS or letters in _PLACEHOLDERS:
        return None
    return Name(least_rotation(letters), (letters,), hanzi, "" if given else letters, letters if given else "")


def _clean(text: str | None) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip() if text else ""


def _parse_hanzi(hanzi: str, family: str) -> Name:
    if family and family != hanzi and hanzi.startswith(family):
        given = hanzi[len(family) :]
    elif family and family != hanzi and hanzi.endswith(family):
        given = hanzi[: -len(family)]
        hanzi = family + given
    else:
        if len(hanzi) > 2 and hanzi[0] not in _SURNAMES and hanzi[-1] in _SURNAMES:
            hanzi = hanzi[-1] + hanzi[:-1]  # the given name stands first
        cut = 2 if hanzi[:2] in _COMPOUND_SURNAMES and len(hanzi) > 2 else 1
        family, given = hanzi[:cut], hanzi[cut:]
    family_latin = _SURNAME_READINGS.get(family) or "".join(map(_reading, family))
    given_latin = "".join(map(_reading, given))
    tokens = tuple(part for part in (family_latin, given_latin) if part)
    return Name(least_rotation("".join(tokens)), tokens, hanzi, family_latin, given_latin)


@lru_cache(maxsize=65536)
def _reading(character: str) -> str:
    from pypinyin import lazy_pinyin

    # The umlaut is typed as v, u or yu in the wild; u is what passports hold.
    return "".join(lazy_pinyin(character)).replace("ü", "u").replace("v", "u").casefold()


def _parse_latin(text: str, given: str, family: str) -> Name | None:
    if "," in text:
        family, _, given = (part.strip() for part in text.partition(","))
        text = f"{given} {family}"
    tokens: list[str] = []
    generation = ""
    for token in _latin_tokens(text):
        if token in _GENERATIONS and tokens:
            generation = _GENERATIONS[token]
        elif token not in _TITLES:
            tokens.append(token)
    if all(token in _PLACEHOLDERS or len(token) == 1 for token in tokens):
        return None
    family_key, given_key = ("".join(_latin_tokens(part)) for part in (family, given))
    if not (family_key and given_key):
        family_key = given_key = ""
    return Name(least_rotation("".join(tokens)), tuple(tokens), "", family_key, given_key, generation)


def _latin_tokens(text: str) -> list[str]:
    plain = text if text.isascii() else _without_accents(text)
    return [_UMLAUT.sub(r"\1u", token.replace("'", "")) for token in _LATIN.findall(plain)]


def _without_accents(text: str) -> str:
    spelled = text.replace("ø", "o").replace("æ", "ae").replace("ł", "l").replace("đ", "d")
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))


def least_rotation(text: str) -> str:
    """The rotation of the text that sorts first: equal for "wangxiaoming" and "xiaomingwang"."""
    return min((text[i:] + text[:i] for i in range(len(text))), default="")


def alike(a: Name, b: Name) -> Alike:
    """How far two names agree. Symmetric."""
    if a.generation != b.generation and a.generation and b.generation:
        return Alike.FAMILY_ONLY
    if a.hanzi and b.hanzi:
        return _alike_hanzi(a, b)
    if a.key == b.key:
        return Alike.SAME
    return _alike_tokens(a, b)


def _alike_hanzi(a: Name, b: Name) -> Alike:
    if a.hanzi == b.hanzi or (len(a.hanzi) > 1 and least_rotation(a.hanzi) == least_rotation(b.hanzi)):
        return Alike.SAME
    if a.key == b.key:
        return Alike.SIMILAR  # the wrong character of the same sound: the typing error of pinyin keyboards
    short, long = sorted((a.hanzi, b.hanzi), key=len)
    if len(short) > 2 and sorted(a.hanzi) == sorted(b.hanzi):
        return Alike.SIMILAR  # two characters swapped
    if len(long) == len(short) + 1 and len(short) > 1 and _is_subsequence(short, long):
        # A doubled key, or a character left out: the second may also be two brothers (王伟, 王伟明).
        return Alike.SIMILAR if any(x == y for x, y in pairwise(long)) else Alike.PARTIAL
    if a.family == b.family and (
        not (a.given and b.given) or _is_pet_name(a.hanzi, b.hanzi) or _is_pet_name(b.hanzi, a.hanzi)
    ):
        return Alike.PARTIAL
    if a.family == b.family:
        return Alike.FAMILY_ONLY
    return Alike.GIVEN_ONLY if a.given and a.given == b.given and len(a.hanzi) > 2 else Alike.DIFFERENT


def _is_subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(character in rest for character in short)


def _is_pet_name(pet: str, hanzi: str) -> bool:
    """小 or 阿 before one character of the given name: 王小明 for 王明华."""
    return len(pet) > 2 and pet[-2] in "小阿" and pet[-1] in hanzi[1:]


def _alike_tokens(a: Name, b: Name) -> Alike:
    left, right = Counter(a.tokens), Counter(b.tokens)
    common = left & right
    rest_a, rest_b = list((left - common).elements()), list((right - common).elements())
    if not rest_a or not rest_b:
        return Alike.SAME if not (rest_a or rest_b) else Alike.PARTIAL
    level = Alike.SAME
    for token in sorted(rest_a, key=lambda t: (-len(t), t)):
        partner, agreement = _best_partner(token, rest_b)
        if partner is None:
            continue
        rest_a.remove(token)
        rest_b.remove(partner)
        level = min(level, agreement)
    if not rest_a or not rest_b:
        return min(level, Alike.PARTIAL) if rest_a or rest_b else level
    return _share_of_name(a, b, common) if common else Alike.DIFFERENT


def _best_partner(token: str, others: list[str]) -> tuple[str | None, Alike]:
    """The other name's part that this part may stand for, and at what level."""
    for other in others:
        if _is_typing_error(token, other) or not _nicknames().get(token, frozenset()).isdisjoint(
            _nicknames().get(other, frozenset())
        ):
            return other, Alike.SIMILAR
    for other in others:
        short, long = sorted((token, other), key=len)
        if len(short) == 1 and long.startswith(short):
            return other, Alike.PARTIAL
    return None, Alike.DIFFERENT


def _share_of_name(a: Name, b: Name, common: Counter[str]) -> Alike:
    """Whether what two names share is the given name (perhaps married) or, in doubt, the family name (relatives)."""
    if not _PINYIN_SURNAMES.isdisjoint(common):
        return Alike.FAMILY_ONLY
    if a.hanzi or b.hanzi:
        # Chinese families share given names far too often for a marriage to be the likelier reason.
        return Alike.FAMILY_ONLY if (a.family or b.family) in common else Alike.DIFFERENT
    return Alike.GIVEN_ONLY if all(_likely_given(name) in common for name in (a, b)) else Alike.FAMILY_ONLY


def _likely_given(name: Name) -> str:
    """The part that stands first, unless the record itself says that this is the family name."""
    return name.given if name.given in name.tokens and name.family != name.tokens[0] else name.tokens[0]


def _is_typing_error(a: str, b: str) -> bool:
    """One slip of the finger (two in long names), not another name: short parts must be transposed to count."""
    shorter = min(len(a), len(b))
    if len(a) == len(b) == 2 and a == b[::-1]:
        return (a in _PINYIN_SURNAMES) != (b in _PINYIN_SURNAMES)  # Hu typed uH; but Na and An are two names
    if shorter < 3 or abs(len(a) - len(b)) > 2:
        return False
    distance = edit_distance(a, b)
    if distance > 2:
        return False
    if distance == 2:
        return shorter >= 7 and a[0] == b[0]
    return shorter >= 5 or (len(a) == len(b) and sorted(a) == sorted(b))


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions, substitutions and transpositions of neighbours (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


@lru_cache(maxsize=1)
def _nicknames() -> dict[str, frozenset[int]]:
    """Each short or full form and the groups (lines of nicknames.csv) that it stands in."""
    groups: dict[str, set[int]] = {}
    with (files("identity") / "nicknames.csv").open(encoding="utf-8") as file:
        for number, line in enumerate(csv.reader(file)):
            for form in line:
                groups.setdefault(form, set()).add(number)
    return {form: frozenset(numbers) for form, numbers in groups.items()}
