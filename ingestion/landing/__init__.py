"""Landing: every new row of a source into bronze or quarantine, exactly once."""
