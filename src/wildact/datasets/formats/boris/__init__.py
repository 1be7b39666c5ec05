"""BORIS: projects, and exports of events."""
