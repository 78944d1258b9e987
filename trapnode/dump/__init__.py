"""Store -> what researchers read: Camtrap DP, MegaDetector JSON, a page for the eye.

DEST/datapackage.json, deployments.csv, media.csv, observations.csv   Camtrap DP 1.0.2
DEST/media/2026/11/22/NAME.jpg         frames; NAME.preview.jpg where only the preview is left
DEST/previews/2026/11/22/              previews of frames that are whole, for the page
DEST/individual_id.csv                 the sharpest frame of each target sequence, for Wildbook
DEST/SEALED.txt                        whose keys open the pictures, where they are NAME.jpg.age
DEST/SEALED.xmp.jsonl                  the XMP of sealed pictures, for `unseal` to write
DEST/SHA256SUMS.sealed                 the sums of what `unseal` opened, for `purge`
DEST/megadetector.json                 the scores, for Timelapse, AddaxAI and their kin
DEST/index.html, index.js              for the eye, without network
DEST/INCOMPLETE.txt                    what only the desk knows and has not said yet, if anything
DEST/trapnode.json                     whose dump this is, so that a rerun finds its own files
DEST/SHA256SUMS                        written last: the dump is whole once it is there
"""

from trapnode.dump.camtrap_dp import write_dump
from trapnode.dump.summary import DumpSummary

__all__ = ["DumpSummary", "write_dump"]
