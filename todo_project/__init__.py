"""The project: settings, urls, processes and the `up` command."""
