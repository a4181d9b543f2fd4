"""The hallway: locale, error pages, what every answer carries."""

from flask.testing import FlaskClient


def test_root_goes_to_the_readers_language(client: FlaskClient) -> None:
    english = client.get("/", headers={"Accept-Language": "en-GB,en;q=0.9"})
    assert (english.status_code, english.location) == (302, "/en/")
    assert english.vary.as_set() == {"accept-language"}
    assert client.get("/", headers={"Accept-Language": "fr"}).location == "/zh/"


def test_unknown_address_is_a_page_in_the_language_of_its_path(client: FlaskClient) -> None:
    answer = client.get("/en/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
