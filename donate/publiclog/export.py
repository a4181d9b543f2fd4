"""The ledger as CSV, streamed in constant memory, formatted by the database from the stored leaves themselves.

One row a transfer, in log order. No value can be taken for a formula by a spreadsheet: every text comes from a
leaf, whose alphabets let none begin with `=`, `+`, `-` or `@`.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from donate.errors import N_

# Handing on COPY's own chunks, one a row, is three to five times slower.
BLOCK_BYTES = 64 * 1024

COLUMNS = {
    "entry": N_("The entry’s number: its place in the public log."),
    "line": N_("The transfer’s place within the entry, from 1."),
    "day": N_("The day on which it takes effect, in the book’s time zone."),
    "book": N_("The book: one charity, one currency."),
    "reason": N_("Why the entry exists."),
    "campaign": N_("The campaign’s reference, where there is one."),
    "debit": N_("The account that is debited."),
    "credit": N_("The account that is credited."),
    "amount_minor": N_("The amount in the currency’s smallest unit, such as fen or cents."),
    "currency": N_("The currency by its ISO 4217 code."),
    "reverses": N_("The number of the entry that this one reverses."),
    "document_sha256": N_("SHA-256 of the document that the entry rests on."),
    "note_sha256": N_("SHA-256 of the entry’s salt and of a note that stays private."),
    "reference": N_("The reference of the charity’s own dealings with its bank."),
    "settlement": N_("The provider’s reference of a settlement."),
    "commitment": N_("What the entry commits to without showing it, such as a donor’s name."),
    "leaf_hash": N_("The hash of the entry’s line in the public log."),
}

# OFFSET 0 has each leaf read as JSON once and not once a column.
QUERY = """
COPY (
  SELECT line.log_index AS entry, leg.line, said.leaf->>'day' AS day, said.leaf->>'book' AS book,
         said.leaf->>'reason' AS reason, said.leaf->>'campaign' AS campaign,
         leg.parts->>0 AS debit, leg.parts->>1 AS credit, leg.parts->>2 AS amount_minor,
         said.leaf->>'cur' AS currency, said.leaf->>'rev' AS reverses, said.leaf->>'doc' AS document_sha256,
         said.leaf->>'note' AS note_sha256, said.leaf->>'ref' AS reference, said.leaf->>'settle' AS settlement,
         said.leaf->>'cm' AS commitment, encode(line.leaf_hash, 'hex') AS leaf_hash
  FROM log_leaf AS line
  CROSS JOIN LATERAL (SELECT CAST(convert_from(line.leaf, 'UTF8') AS jsonb) AS leaf OFFSET 0) AS said
  CROSS JOIN LATERAL jsonb_array_elements(said.leaf->'legs') WITH ORDINALITY AS leg(parts, line)
  WHERE line.kind = 'entry' AND line.log_index <= %(as_of)s {filters}
  ORDER BY line.log_index, leg.line
) TO STDOUT WITH (FORMAT csv, HEADER)
"""

_FILTERS = {
    "campaign": "AND line.campaign = %(campaign)s",
    "book_id": "AND line.book_id = %(book_id)s",
    "after": "AND line.log_index > %(after)s",
}


def stream_csv(
    connection: Connection,
    *,
    as_of: int,
    campaign: str | None = None,
    book_id: int | None = None,
    after: int | None = None,
) -> Iterator[bytes]:
    """The entries up to log index `as_of`, in blocks of about 64 KiB: of one campaign or book or of all, behind `after`."""
    driver = connection.connection.driver_connection
    assert driver is not None
    given = {"campaign": campaign, "book_id": book_id, "after": after}
    filters = " ".join(_FILTERS[name] for name, value in given.items() if value is not None)
    facts = {"as_of": as_of} | {name: value for name, value in given.items() if value is not None}
    query = QUERY.format(filters=filters)
    block = bytearray()
    with driver.cursor() as cursor, cursor.copy(query, facts) as copy:
        for chunk in copy:
            block += chunk
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)
