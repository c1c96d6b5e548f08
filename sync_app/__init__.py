"""The live stream: a user's own changes, as Server-Sent Events, within milliseconds of the commit."""
