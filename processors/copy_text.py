"""The words of a promotion, from the template of the campaign file."""

from processors.quiet_hours import local_time
from schemas.campaign_checks import placeholders_of
from schemas.campaigns import Coupon, CouponKind, Offer
from schemas.catalog import Catalog
from schemas.decisions import CopyText
from schemas.ids import EventTime


def copy_of(
    offer: Offer,
    product_ids: tuple[str, ...],
    catalog: Catalog,
    currency: str,
    expires_at: EventTime,
    zone: str,
) -> CopyText | None:
    """Return the text with its placeholders filled; None when one has nothing to be filled with.

    {first_product}: title of the first product, else its category, else its id; {discount}: as people
    write it; {expires}: date and time in `zone`; {name}: the offer's name.
    """
    assert offer.copy is not None, "asked for offers with words only"
    template = offer.copy.template
    if not product_ids and "first_product" in placeholders_of(template, "copy.template"):
        return None
    text = template.format(
        first_product=_title(product_ids[0], catalog) if product_ids else "",
        discount=discount_words(offer.coupon, currency) if offer.coupon else "",
        expires=local_time(expires_at, zone).strftime("%Y-%m-%d %H:%M"),
        name=offer.name,
    )
    return CopyText(text, "und", "template")


def discount_words(coupon: Coupon, currency: str) -> str:
    """Return a discount as people read it.

    >>> discount_words(Coupon(CouponKind.PERCENT, 10.0), "EUR")
    '10 %'
    """
    if coupon.value is None:
        return "free shipping"
    if coupon.kind is CouponKind.PERCENT:
        return f"{coupon.value:g} %"
    return f"{currency} {coupon.value:.2f}"


def _title(product_id: str, catalog: Catalog) -> str:
    product = catalog.get(product_id)
    return (product and (product.title or product.category)) or product_id
