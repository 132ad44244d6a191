"""Tags of events that are all at hand: each text is scored once, in big batches."""

from collections.abc import Callable, Iterable, Sequence

from processors.tagging import category_tags, texts_of
from schemas.events import ShopEvent
from schemas.ids import Tags
from streams.parts import Parts

TagsOf = Callable[[ShopEvent], Sequence[Tags]]
#: Texts per call of the tagger; it makes model batches of its own from them.
TEXTS_AT_ONCE = 8192


def tags_of(events: Iterable[ShopEvent], parts: Parts) -> TagsOf:
    """Return what gives the tags of any of these events: by the model, or by category where there is none."""
    catalog, tagger = parts.catalog, parts.tagger
    if tagger is None:
        return lambda event: category_tags(event, catalog)
    texts = list(dict.fromkeys(text for event in events for text in texts_of(event, catalog) if text))
    table: dict[str, Tags] = {"": ()}
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[start : start + TEXTS_AT_ONCE]
        table.update(zip(some, tagger.tag(some), strict=True))
    return lambda event: [table[text] for text in texts_of(event, catalog)]
