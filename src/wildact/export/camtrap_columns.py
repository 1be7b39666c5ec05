"""The columns of a Camtrap DP package's tables, and those of the two tables that wildact adds.

Reference: https://camtrap-dp.tdwg.org (version 1.0.2).
"""

from __future__ import annotations

from typing import Final

DEPLOYMENT_COLUMNS: Final = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude", "coordinateUncertainty",
    "deploymentStart", "deploymentEnd", "setupBy", "cameraID", "cameraModel", "cameraDelay", "cameraHeight",
    "cameraDepth", "cameraTilt", "cameraHeading", "detectionDistance", "timestampIssues", "baitUse",
    "featureType", "habitat", "deploymentGroups", "deploymentTags", "deploymentComments",
)  # fmt: skip
MEDIA_COLUMNS: Final = (
    "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName",
    "fileMediatype", "exifData", "favorite", "mediaComments",
)  # fmt: skip
OBSERVATION_COLUMNS: Final = (
    "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd", "observationLevel",
    "observationType", "cameraSetupType", "scientificName", "count", "lifeStage", "sex", "behavior",
    "individualID", "individualPositionRadius", "individualPositionAngle", "individualSpeed", "bboxX",
    "bboxY", "bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp",
    "classificationProbability", "observationTags", "observationComments",
)  # fmt: skip

RECORDING_FIELDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("mediaID", "string", "of the video, as in media"),
    ("video", "string", "name of the video"),
    ("site", "string", "where the camera stood"),
    ("camera", "string", "which camera"),
    ("light", "string", "day, dusk or ir (infrared)"),
    ("width", "integer", "pixels"),
    ("height", "integer", "pixels"),
    ("fps", "string", "frames per second, exact, e.g. 30000/1001"),
    ("frames", "integer", "number of frames"),
    ("duration_s", "number", "seconds"),
    ("recorded", "string", "when the first frame was taken, ISO 8601, with fractions of a second"),
    ("timeSource", "string", "where this time stands"),
    ("timeText", "string", "the time as it stands there"),
    ("timeZone", "string", "in which it was read; empty where the text states its own"),
    ("clockOffset_s", "number", "seconds added because the camera's clock was wrong"),
)
"""Name, type and meaning of the columns of ``recordings.csv``: Camtrap DP has no place for them."""

DETECTION_FIELDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("mediaID", "string", "of the video, as in media"),
    ("individualID", "string", "of the animal, as in observations"),
    ("trackID", "integer", "number of the animal within the video"),
    ("frame", "integer", "from 0"),
    ("time_s", "number", "seconds since the first frame"),
    ("label", "string", "as the detector calls the animal"),
    ("labelScore", "number", "how sure that is, from 0 to 1"),
    ("score", "number", "of the detection; empty where interpolated"),
    ("x1", "number", "left, pixels"),
    ("y1", "number", "top, pixels"),
    ("x2", "number", "right, pixels"),
    ("y2", "number", "bottom, pixels"),
    ("occluded", "boolean", "partly hidden; empty where nobody looked"),
    ("crowd", "boolean", "a group of animals that nobody told apart"),
    ("mask", "string", "COCO's compressed run lengths, for the size of the frame; empty where there is none"),
)
"""The same for ``detections.csv``: one row for each animal and frame."""

RECORDINGS: Final = "wildact-recordings"
DETECTIONS: Final = "wildact-detections"
"""Names of the tables that wildact adds."""
