import pytest

PATHS = [
    "/en/give/%00",
    "/en/r/%00",
    "/en/c/%00",
    "/en/o/a%00b",
    "/en/ledger/99999999999999999999",
    "/c/%00/ledger.csv",
]


@pytest.mark.parametrize("path", PATHS)
def test_an_address_that_no_column_can_hold_is_a_plain_4xx(client, path):
    assert 400 <= client.get(path).status_code < 500


@pytest.mark.parametrize("query", ["campaign=%00", "month=%00", "q=%00", "reason=%00", "before=99999999999999999999"])
def test_a_filter_that_no_column_can_hold_breaks_nothing(client, query):
    assert client.get(f"/en/ledger?{query}").status_code < 500
