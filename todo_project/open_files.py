"""How many files this process may have open: connections are files too."""

import resource

# More than the connections that granian accepts (--backpressure); the usual soft limit is 1,024.
WANTED = 16_384


def allow_many_files() -> None:
    """Raise the soft limit as far as wanted and as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
