"""Campaigns from draft to closing, their updates, and complaints."""
