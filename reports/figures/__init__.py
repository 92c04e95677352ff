"""Figures as inline SVG: one style, offline, the same bytes for the same data, legible without colour."""
