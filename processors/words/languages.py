"""The languages that pages come in, by the code that `--language` takes."""

from enum import StrEnum

from processors.words.en import ENGLISH
from processors.words.shape import Words
from processors.words.zh import CHINESE


class Language(StrEnum):
    """ISO 639-1."""

    EN = "en"
    ZH = "zh"


WORDS: dict[Language, Words] = {Language.EN: ENGLISH, Language.ZH: CHINESE}
