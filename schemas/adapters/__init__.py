"""Other people's e-commerce events into ours: one module per tracker, and no rule twice.

An adapter only says which of its fields is which of ours. What is right and what is a dead letter is
decided by the border (`schemas.decode`) alone, for adapted events as for native ones.
"""
