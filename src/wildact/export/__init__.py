"""Results for people and for other programs: one format per module, nothing here runs a network.

``result`` saves one video's result without loss, ``tables`` writes the combined CSV and Parquet files,
``overlay`` draws the annotated video, ``ethogram`` one video's time line and ``report`` the summary page.
"""
