"""Ties between records become people."""
