"""What the XMP of a dumped picture says: the claim of its frame, and what is to be done with it."""

from trapnode.dump.claims import Claim
from trapnode.dump.xmp import segment_of
from trapnode.model import ObservationType
from trapnode.store.reading import Record

__all__ = ["mark"]


def mark(record: Record, claim: Claim, best: bool) -> bytes:
    """Give the segment for a frame of a record; `best` is the one to know the animal by."""
    taxon = claim.taxon
    subjects = [f"Observation|{taxon.observation_type}"]
    if taxon.observation_type is ObservationType.ANIMAL:
        subjects += [f"Species|{taxon.scientific_name}", f"Label|{claim.label}"]
    if record.observation is not None and record.observation.audit:
        subjects.append("Review|audit sample")
    if best:
        subjects.append("Review|individual ID")
    return segment_of(tuple(subjects), rated=best)
