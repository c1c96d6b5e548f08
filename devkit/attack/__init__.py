"""`./todo attack`: what attackers do to an instance, and what another user notices of it."""
