"""Label Studio, video."""
