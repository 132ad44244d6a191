"""From the text of a campaign file to typed campaigns; what is wrong is one line that names the field.

YAML 1.2: only `true` and `false` are booleans, so `no` is a word (ruling 61). A field or value that
is not there yet is refused, never ignored.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from hashlib import blake2b
from math import isfinite
from typing import Any, NoReturn

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode

from schemas import campaign_checks
from schemas.campaigns import (
    Campaign,
    CampaignFile,
    Cap,
    Condition,
    Copy,
    Coupon,
    CouponKind,
    FeatureName,
    Live,
    Offer,
    Products,
    ProductSource,
    QuietHours,
    Shop,
)
from schemas.errors import CampaignError
from schemas.events import Purpose

# The first line that is neither empty nor a comment.
_DIRECTIVE = re.compile(r"\ufeff?(?:[ \t\r]*(?:#[^\n]*)?\n)*%")
_TEXT_MAX = 1 << 20
_NODES_MAX = 200_000
_DEPTH_MAX = 40
#: The struct of a mapping, by the last name of its path.
_STRUCTS: Mapping[str, type[msgspec.Struct]] = {
    "": CampaignFile,
    "shop": Shop,
    "quiet_hours": QuietHours,
    "campaigns": Campaign,
    "live": Live,
    "when": Condition,
    "all": Condition,
    "any": Condition,
    "not": Condition,
    "caps": Cap,
    "offers": Offer,
    "coupon": Coupon,
    "products": Products,
    "copy": Copy,
}
_LISTS = ("campaigns", "all", "any", "caps", "offers")
_CHOICES: Mapping[str, type[StrEnum]] = {
    "feature": FeatureName,
    "kind": CouponKind,
    "from": ProductSource,
    "purpose": Purpose,
}
#: In the design, and refused until they do something: (last name of the path, field or value).
_NOT_YET = {
    ("campaigns", "budget"),
    ("campaigns", "explore"),
    ("feature", "score"),
    ("from", "recommended"),
    ("from", "category"),
    ("from", "list"),
}
_PATTERNS = {
    "quiet_hours.from": 'is not a time of day; write it quoted, such as "21:00"',
    "quiet_hours.to": 'is not a time of day; write it quoted, such as "08:00"',
    "currency": "is not a currency code; write three letters, such as EUR",
}
_DURATION_HELP = "is not a duration; write minutes, hours or days, such as 30m, 48h or 7d"
_KINDS = {"str": "a text", "int": "a whole number", "float": "a number", "int | float": "a number"} | {
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_LOOK = "look it up in docs/campaigns.md"


class _Constructor(SafeConstructor):
    """Leaves times as the texts they are."""

    def construct_text(self, node: ScalarNode) -> str:
        return str(node.value)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_text)


def load_campaigns(text: str, source: str) -> CampaignFile:
    """Return the campaigns of a YAML text; `source` names the file in messages about the whole of it.

    Raise `CampaignError` whose `field` is the exact path, for instance `campaigns[0].offers[0].cost`.
    """
    tree = _parse(text, source)
    if not isinstance(tree, dict):
        raise CampaignError(source, "is not a campaign file", "start it with `campaigns:`")
    plain = _Reader(source).plain(tree, "", 0)
    try:
        file = msgspec.convert(plain, CampaignFile)
    except msgspec.ValidationError as error:
        _refuse(str(error), plain, source)
    campaign_checks.check(file)
    return file


def digest_of(file: CampaignFile) -> str:
    """Return 32 hex digits that name the meaning of a file: comments, order of keys and defaults do not count."""
    return blake2b(msgspec.json.encode(_meaning(file), order="sorted")).hexdigest()[:32]


def _meaning(part: object) -> object:
    """Return a part of a file without what says no more than its default."""
    if isinstance(part, msgspec.Struct):
        fields = ((field, getattr(part, field.name)) for field in msgspec.structs.fields(part))
        return {field.encode_name: _meaning(value) for field, value in fields if value != field.default}
    return [_meaning(item) for item in part] if isinstance(part, tuple) else part


def _parse(text: str, source: str) -> object:
    if len(text) > _TEXT_MAX:
        raise CampaignError(source, "is longer than 1 MiB", "split it")
    if _DIRECTIVE.match(text):
        raise CampaignError(source, "starts with a YAML directive", "leave it out: files are YAML 1.2")
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        field = source if mark is None else f"{source}:{mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise CampaignError(field, f"is not YAML: {' '.join(problem.split())}", "mend the line") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # What ruamel lets through: a wrong value in a tag, nesting without end.
        raise CampaignError(source, f"is not YAML: {type(error).__name__}", "mend the file") from None


class _Reader:
    """Copies a tree into plain mappings and lists, within bounds, and refuses what has no meaning."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = _NODES_MAX

    def plain(self, node: object, path: str, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEPTH_MAX:
            where = path if len(path) < 80 else f"{path[:80]}..."
            raise CampaignError(
                where or self._source, "is too deep or too long", "write it without nested aliases"
            )
        match node:
            case dict():
                _refuse_score(node, path)
                return {
                    key: self.plain(node[key], _join(path, key), depth + 1)
                    for key in _keys(node, path, self._source)
                }
            case list():
                return [self.plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node)]
            case float() if not isfinite(node):
                raise CampaignError(path, "is not a finite number", "write digits")
            case str():
                _refuse_not_yet(path, node)
                _refuse_surrogates(path, node)
                return node
            case None | bool() | int() | float():
                return node
        raise CampaignError(
            path, f"is a {type(node).__name__}", "write a text, a number, a list or a mapping"
        )


def _keys(node: Mapping[Any, object], path: str, source: str) -> Iterable[str]:
    name = _last_name(path)
    struct = _STRUCTS.get(name)
    if struct is None or (name in _LISTS) != path.endswith("]"):
        return node if all(isinstance(key, str) for key in node) else ()  # the types say what is wrong
    known = struct.__struct_encode_fields__
    for key in node:
        where = _join(path, str(key))
        if (_last_name(path), key) in _NOT_YET:
            raise CampaignError(where, "is not there yet", "take it out")
        if key not in known:
            hint = _did_you_mean(str(key), known) or f"known here: {', '.join(known)}"
            raise CampaignError(where, "is not a field of a campaign file", hint)
    return node


def _refuse_score(node: Mapping[Any, object], path: str) -> None:
    if node.get("feature") == "score":  # before its own fields `model` and `label` are called unknown
        _refuse_not_yet(_join(path, "feature"), "score")


def _refuse_surrogates(path: str, value: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise CampaignError(path, "holds half a surrogate pair", "write the character itself")


def _refuse_not_yet(path: str, value: str) -> None:
    name = _last_name(path)
    if (name, value) in _NOT_YET and (name != "from" or path.endswith("products.from")):
        raise CampaignError(path, f"`{value}` is not there yet", "choose another one")


def _refuse(message: str, tree: object, source: str) -> NoReturn:
    problem, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", problem):
        raise CampaignError(_join(path, missing[1]), "is missing", "add it")
    if problem.startswith("Invalid enum value"):
        value = re.sub(r"^Invalid enum value '?|'$", "", problem)
        known = [member.value for member in _CHOICES[_last_name(path)]]
        hint = _did_you_mean(value, known) or f"known: {', '.join(known)}"
        raise CampaignError(path, f"`{value[:60]}` is not known", hint)
    if "matching regex" in problem:
        words = next((words for end, words in _PATTERNS.items() if path.endswith(end)), _DURATION_HELP)
        is_wrong, _, remedy = words.partition("; ")
        raise CampaignError(path, f"`{str(_value_at(tree, path))[:60]}` {is_wrong}", remedy)
    if kinds := re.fullmatch(r"Expected `(.+)`, got `(.+)`", problem):
        wanted, got = (_words(kind) for kind in kinds.groups())
        raise CampaignError(path or source, f"wants {wanted}, got {got}", _LOOK)
    raise CampaignError(path or source, f"wants {_bound(problem)}", _LOOK)


def _words(kinds: str) -> str:
    without_null = kinds.removesuffix(" | null")
    return _KINDS.get(without_null) or " or ".join(
        _KINDS.get(kind, kind) for kind in without_null.split(" | ")
    )


def _bound(problem: str) -> str:
    """Return the words for, say, "Expected `float` <= 1.0" and "Expected `array` of length >= 1"."""
    bound = re.fullmatch(r"Expected `(\w+)`(?: of length)? (<=|>=|<|>) (\S+)", problem)
    if bound is None:
        return problem
    kind, sign, limit = bound[1], bound[2], bound[3].removesuffix(".0")
    words = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}[sign]
    if "of length" in problem:
        one, more = ("entry", "entries") if kind == "array" else ("character", "characters")
        return f"{words} {limit} {one if limit == '1' else more}"
    return f"{_words(kind)} of {words} {limit}"


def _did_you_mean(value: str, known: Iterable[str]) -> str | None:
    close = get_close_matches(value, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _last_name(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path).rpartition(".")[2]


def _value_at(tree: Any, path: str) -> object:
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        tree = tree[int(index)] if index else tree[name]
    return tree
