"""People: who they are, how they sign in, and the time zone they live in."""
