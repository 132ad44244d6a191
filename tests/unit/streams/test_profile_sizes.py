"""Sizes of stored profiles: exact bytes, nearest ranks, and a total that adds up."""

from schemas.codec import encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile
from streams.profile_sizes import FieldSize, SizeReport, measure, sizes_page

#: 100 shoppers whose ids are 1 to 100 letters long; MessagePack puts 1 byte before a text up to 31, else 2.
PROFILES = [Profile(ShopperId("a" * length)) for length in range(1, 101)]


def test_mean_median_and_99th_percentile_are_those_of_the_bytes() -> None:
    by_name = {size.field: size for size in measure(PROFILES).fields}
    total = sum(range(1, 101)) + 31 * 1 + 69 * 2
    assert by_name["shopper"] == FieldSize("shopper", mean=total / 100, p50=52, p99=101, total=total)
    assert by_name["views"] == FieldSize("views", 1.0, 1, 1, 100)


def test_all_is_whole_profiles_and_comes_last_after_the_fields_by_size() -> None:
    report = measure(PROFILES)
    *fields, whole = report.fields
    assert (report.profiles, whole.field) == (100, "all")
    assert whole.total == sum(len(encode_profile(profile)) for profile in PROFILES)
    assert sum(size.total for size in fields) + 4 * 100 == whole.total
    assert fields[0].field == "shopper"
    assert [size.total for size in fields] == sorted((size.total for size in fields), reverse=True)


def test_one_profile_and_none_have_a_page_too() -> None:
    assert sizes_page(measure(PROFILES[:1])).startswith("1 stored profile, bytes\nfield ")
    assert measure([]) == SizeReport(0, ())
    assert sizes_page(measure([])) == "0 stored profiles, bytes\n"
