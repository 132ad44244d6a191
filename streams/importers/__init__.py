"""Public and own history into Segment-style events: one module per source."""
