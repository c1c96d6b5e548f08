"""`./todo demo`: the story of one reminder, told over HTTP as a client would see it."""
