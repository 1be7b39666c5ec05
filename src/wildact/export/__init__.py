"""Results for people and for other programs: one format per module, nothing here runs a network.

`result` saves one video's result without loss, `tables` writes the combined CSV and Parquet files,
`overlay` draws the annotated video, `ethogram` one video's time line and `report` the summary page.
"""

from wildact.export.ethogram import save_ethogram
from wildact.export.overlay import annotate_frames, choose_thumbnail_frame, save_thumbnail
from wildact.export.report import save_report
from wildact.export.result import MARKER, RESULT, load_result, save_result
from wildact.export.tables import VideoOutcome, save_tables, to_valid_text
from wildact.export.youtube_vis import save_data_set

__all__ = [
    "MARKER",
    "RESULT",
    "VideoOutcome",
    "annotate_frames",
    "choose_thumbnail_frame",
    "load_result",
    "save_data_set",
    "save_ethogram",
    "save_report",
    "save_result",
    "save_tables",
    "save_thumbnail",
    "to_valid_text",
]
