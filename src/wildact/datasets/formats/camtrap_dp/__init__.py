"""Camtrap DP 1.0.2, and the project's facts beside it."""
