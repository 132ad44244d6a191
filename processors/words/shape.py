"""What a language must bring for pages; texts have named gaps for `str.format`."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from processors.words.page_shape import AnswerWords, ProfileWords
from schemas.decisions import Reason


class Words(Struct, frozen=True):
    """The page about a decision; `profile` and `answer` are the pages about a shopper.

    `said` turns a sentence or a flip of a record into the language; what it does not know it leaves as it is.
    """

    said: Callable[[str], str]
    why_not: Mapping[Reason, str]
    what_happened: str
    what_was_decided: str
    why_campaign: str
    what_would_change: str
    what_else: str
    what_considered: str
    made_from: str
    happened: str
    late: str
    none_of_one: str
    none_of_many: str
    offered: str
    held_out: str
    decision: str
    holds_until: str
    no_record: str
    no_conditions: str
    passed: str
    not_needed: str
    failed: str
    sent_with: str
    any_of_these: str
    campaign: str
    not_sent: str
    was_offered: str
    changed_by: str
    nothing: str
    earlier_offers: str
    consent: str
    yes: str
    no: str
    comma: str
    model: str
    approximate: str
    carried: str
    carried_by: str
    carried_by_none: str
    positions: str
    campaign_file: str
    profile: ProfileWords
    answer: AnswerWords
