"""Photos and documents, stored under the hash of their content."""
