"""The live stream: a user's own changes as Server-Sent Events, milliseconds after the commit."""
