"""Names of people in comparable form, in Latin and Chinese script and any order.

Pure functions on single values, called once per distinct name (`normalise`). How alike two names are is decided by the
person model. No name is ever part of a message.
"""

import csv
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from contracts.comparable_values import comparable_values

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
#: Rarer ones. Two characters of which the first is no family name at all are a given name alone (伟霞).
_RARER_SURNAMES = frozenset(
    "常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷"
    "盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米"
    "柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原"
    "栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻厉伊仝区郜阚屠朴盖练廉禹井漆巴支卿狄计索宣晋扈晁芮阙浦戈伏鹿薄邸雍辜羊裘亓修邰赫杭"
    "况那宿鲜印逯隆茹慕危亢嵇湛宾戎勾茅居揭尉冶檀衣阴昝衡尧闭上东公陰蔣羅盧陸蘇葉呂鍾譚賈韋鄒閻龍賀龔萬錢嚴湯溫龐顏聶"
    "魯關蘭歐項單紀連應齊莊畢喬簡區華閔榮種倉阎洪腾占初步别韶种秘员召折黑繁範賴鮑操佐才褟禤"
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
_PLACEHOLDERS = frozenset(comparable_values().names_of_nobody)


class Name(NamedTuple):
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
        if first and (
            not last or len(self.tokens) == 2
        ):  # "Zhang Wei": both are family names, and the first is this one
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
        if not self.hanzi:
            return ""
        return "".join(c for c, before in zip(self.hanzi, " " + self.hanzi, strict=False) if c != before)

    @property
    def pet_letters(self) -> str:
        """The same in Latin letters (Xiaoming: ming), for names in two scripts."""
        given = self.parts[0]
        return given[4:] if given.startswith("xiao") and len(given) > 6 else ""

    @property
    def nicknames(self) -> list[int]:
        """Groups of short and full forms (lines of nicknames.csv) that the given name stands in."""
        groups = _nicknames()
        given, first = self.parts[0], self.tokens[0]
        of_given = groups.get(given, _NO_GROUP)
        return sorted(of_given | groups.get(first, _NO_GROUP) if first != given else of_given)

    @property
    def is_full(self) -> bool:
        """Whether it names one person: a family and a given name, not "Mr Wang"."""
        return len(self.tokens) > 1 or (not (self.hanzi or self.given or self.family) and len(self.key) >= 9)


#: There are far fewer given and family names than people: each is taken apart once.
_PARTS_KEPT = 1 << 18


def parse_name(full: str | None, given: str | None = None, family: str | None = None) -> Name | None:
    """Take a name apart; None where there is none, or a placeholder. A full name wins over its parts."""
    full, given, family = _clean(full) if full else "", _part(given) if given else "", _part(family) if family else ""
    if not full and bool(given) != bool(family):
        return _parse_part(given, family)
    text = full or " ".join(part for part in (given, family) if part)
    hanzi = "" if text.isascii() else _HANZI_TITLES.sub("", "".join(HANZI.findall(text)).replace("·", ""))
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
    return Name(
        key=least_rotation(letters),
        tokens=(letters,),
        hanzi=hanzi,
        family="" if given else letters,
        given=letters if given else "",
    )


def _clean(text: str) -> str:
    return text.lower().strip() if text.isascii() else unicodedata.normalize("NFKC", text).casefold().strip()


@lru_cache(maxsize=_PARTS_KEPT)
def _part(text: str) -> str:
    return _clean(text)


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
        if _is_given_alone(hanzi):
            first, last = map(_reading, hanzi)
            return Name(key=least_rotation(first + last), tokens=(first, last), hanzi=hanzi, given=first + last)
        family, given = hanzi[:cut], hanzi[cut:]
    family_latin = _SURNAME_READINGS.get(family) or "".join(map(_reading, family))
    given_latin = "".join(map(_reading, given))
    tokens = tuple(part for part in (family_latin, given_latin) if part)
    return Name(key=least_rotation("".join(tokens)), tokens=tokens, hanzi=hanzi, family=family_latin, given=given_latin)


def _is_given_alone(hanzi: str) -> bool:
    """Whether two characters are a given name alone, as friends and couriers write it: 伟霞 for 林伟霞.

    Read as a family name, the first character would count against every full spelling of the name.
    """
    return len(hanzi) == 2 and hanzi[0] not in _SURNAMES and hanzi[0] not in _RARER_SURNAMES


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
    for word in text.split():
        for token in _latin_tokens(word):
            if token in _GENERATIONS and tokens:
                generation = _GENERATIONS[token]
            elif token not in _TITLES:
                tokens.append(token)
    if all(token in _PLACEHOLDERS or len(token) == 1 for token in tokens):
        return None
    family_key, given_key = _joined(family), _joined(given)
    if not (family_key and given_key):
        family_key = given_key = ""
    return Name(
        key=least_rotation("".join(tokens)),
        tokens=tuple(tokens),
        family=family_key,
        given=given_key,
        generation=generation,
    )


@lru_cache(maxsize=_PARTS_KEPT)
def _joined(text: str) -> str:
    return "".join(_latin_tokens(text))


@lru_cache(maxsize=_PARTS_KEPT)
def _latin_tokens(text: str) -> tuple[str, ...]:
    plain = text if text.isascii() else _without_accents(text)
    return tuple(_UMLAUT.sub(r"\1u", token.replace("'", "")) for token in _LATIN.findall(plain))


def _without_accents(text: str) -> str:
    spelled = text.replace("ø", "o").replace("æ", "ae").replace("ł", "l").replace("đ", "d")
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))


def least_rotation(text: str) -> str:
    """The rotation of the text that sorts first: equal for "wangxiaoming" and "xiaomingwang"."""
    if not text:
        return ""
    least = min(text)  # it begins with the least letter, which few names have often
    twice, size = text + text, len(text)
    starts = [at for at in range(size) if text[at] == least]
    return min(twice[at : at + size] for at in starts)


_NO_GROUP: frozenset[int] = frozenset()


@lru_cache(maxsize=1)
def _nicknames() -> dict[str, frozenset[int]]:
    """Each short or full form and the groups (lines of nicknames.csv) that it stands in."""
    groups: dict[str, set[int]] = {}
    with (files("identity.matching.comparable") / "nicknames.csv").open(encoding="utf-8") as file:
        for number, line in enumerate(csv.reader(file)):
            for form in line:
                groups.setdefault(form, set()).add(number)
    return {form: frozenset(numbers) for form, numbers in groups.items()}
