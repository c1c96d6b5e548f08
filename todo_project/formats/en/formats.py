"""Times in the admin: to the second and with their zone, so that they can be compared with a log."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
