"""The room of downloads: the books, month by month, as files in the formats that an auditor's own tools read."""
