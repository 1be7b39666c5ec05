"""The native format (docs/data-format.md): how its two files are read and written."""
