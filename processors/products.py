"""Which products an offer shows, whether they can be had, and what they earn."""

from msgspec import Struct

from processors.features import Facts
from schemas.campaigns import Products, ProductSource
from schemas.catalog import Catalog
from schemas.decisions import Goods
from schemas.profiles import Profile


class Chosen(Struct, frozen=True):
    """`ids`: what is shown, newest first. `sold_out`: what would have been, were it in stock."""

    ids: tuple[str, ...] = ()
    sold_out: tuple[str, ...] = ()


def choose(products: Products, facts: Facts, catalog: Catalog) -> Chosen:
    """Return the products of an offer; a product with unknown stock counts as in stock (ruling 57)."""
    ids = _in_cart(facts) if products.from_ is ProductSource.CART else _viewed(facts.profile)
    if not catalog:
        return Chosen(tuple(ids[: products.at_most]))
    sold_out = [product_id for product_id in ids if _is_sold_out(product_id, catalog)]
    left = [product_id for product_id in ids if product_id not in sold_out] if sold_out else ids
    return Chosen(tuple(left[: products.at_most]), tuple(sold_out))


def goods_of(products: Products, facts: Facts, catalog: Catalog) -> Goods:
    """Return the products of an offer with what they earn, as a decision record keeps them."""
    chosen = choose(products, facts, catalog)
    return Goods(chosen.ids, chosen.sold_out, margin_of(chosen.ids, catalog) if catalog else 0)


def margin_of(product_ids: tuple[str, ...], catalog: Catalog) -> int:
    """Return what one of each earns, in minor units; an unknown margin is 0 (ruling 57)."""
    known = (catalog.get(product_id) for product_id in product_ids)
    return sum(product.margin or 0 for product in known if product is not None)


def _in_cart(facts: Facts) -> list[str]:
    cart = facts.cart
    return sorted(cart, key=lambda product_id: (-cart[product_id].added, product_id))


def _viewed(profile: Profile) -> list[str]:
    """Return what was looked at and not bought since, newest first."""
    newest: dict[str, str] = {}
    for touch in reversed(profile.recent):
        if touch.kind in ("view", "click", "buy"):
            newest.setdefault(touch.product_id, touch.kind)
    return [product_id for product_id, kind in newest.items() if kind != "buy"]


def _is_sold_out(product_id: str, catalog: Catalog) -> bool:
    product = catalog.get(product_id)
    return product is not None and product.stock is not None and product.stock <= 0
