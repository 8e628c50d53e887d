"""Data formats to the one prepared layout (Parquet shards and a manifest), and the data set that reads it."""
