from processors.tagging import category_tags, texts_of
from schemas.catalog import Product
from tests.support.story import MONDAY, order, read, track

CATALOG = {"p": Product("p", "Trail boot", "shoes"), "q": Product("q", None, "tents")}


def test_a_products_text_is_its_title_then_the_catalogues_then_a_category() -> None:
    def text(**properties: str) -> tuple[str, ...]:
        return texts_of(read(track("Product Viewed", MONDAY, **properties)), CATALOG)

    assert text(product_id="p", name="Own title", category="x") == ("Own title",)
    assert text(product_id="p", category="x") == ("Trail boot",)
    assert text(product_id="q", category="x") == ("x",)
    assert text(product_id="q") == ("tents",)
    assert text(product_id="unknown") == ("",)


def test_each_line_of_an_order_and_each_search_has_a_text_and_nothing_else_has_one() -> None:
    assert texts_of(read(order("o", MONDAY, 10, "p", "unknown", "q")), CATALOG) == ("Trail boot", "", "tents")
    assert texts_of(read(track("Products Searched", MONDAY, query="warm boots")), CATALOG) == ("warm boots",)
    assert texts_of(read(track("Cart Viewed", MONDAY)), CATALOG) == ()


def test_ruling_25_the_catalogues_category_stands_in_for_an_empty_or_missing_one() -> None:
    def tags(**properties: str) -> object:
        return category_tags(read(track("Product Viewed", MONDAY, **properties)), CATALOG)

    assert tags(product_id="p", category=" Boots/Winter ") == (((" Boots/Winter ", 1.0),),)
    assert tags(product_id="p", category="") == ((("shoes", 1.0),),)
    assert tags(product_id="unknown") == ((),)
    assert category_tags(read(order("o", MONDAY, 10, "q", "unknown")), CATALOG) == ((("tents", 1.0),), ())
    assert category_tags(read(track("Products Searched", MONDAY, query="boots")), CATALOG) == ()
