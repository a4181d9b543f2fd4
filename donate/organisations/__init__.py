"""Hosts and partners, licences, agreements."""
