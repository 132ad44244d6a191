"""Which texts of an event want tags, and the tags that a category alone gives."""

from functools import lru_cache

from schemas.catalog import Catalog, Product
from schemas.events import OrderCompleted, OrderLine, ProductEvent, SearchEvent, ShopEvent
from schemas.ids import Tag, Tags

_UNKNOWN = Product("")


def texts_of(event: ShopEvent, catalog: Catalog) -> tuple[str, ...]:
    """Return one text per product or search of the event, "" where there is none.

    A product's text is its title, else the catalogue's, else its category (design 4).
    """
    if isinstance(event, ProductEvent):
        return (_text_of(event, catalog),)
    if isinstance(event, SearchEvent):
        return (event.query,)
    if isinstance(event, OrderCompleted):
        return tuple(_text_of(line, catalog) for line in event.lines)
    return ()


def category_tags(event: ShopEvent, catalog: Catalog) -> tuple[Tags, ...]:
    """Return each product's category as its one tag with probability 1; searches have none (ruling 25)."""
    if isinstance(event, ProductEvent):
        return (_category_of(event, catalog),)
    if isinstance(event, OrderCompleted):
        return tuple(_category_of(line, catalog) for line in event.lines)
    return ()


def _text_of(product: ProductEvent | OrderLine, catalog: Catalog) -> str:
    if product.title:
        return product.title
    known = catalog.get(product.product_id, _UNKNOWN)
    return known.title or product.category or known.category or ""


def _category_of(product: ProductEvent | OrderLine, catalog: Catalog) -> Tags:
    category = product.category or catalog.get(product.product_id, _UNKNOWN).category
    return _as_tags(category) if category else ()


@lru_cache(maxsize=4096)  # a shop has few categories, and events many
def _as_tags(category: str) -> Tags:
    return ((Tag(category), 1.0),)
