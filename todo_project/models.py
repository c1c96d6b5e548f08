"""What the project itself keeps: when each tick last ran."""

from django.db import models


class TickRun(models.Model):
    """The last run of a tick that succeeded, in whichever process; see todo_project/tick_runs.py."""

    name = models.CharField(max_length=100, primary_key=True)
    last_run_at = models.DateTimeField()

    class Meta:
        db_table = "tick_runs"

    def __str__(self) -> str:
        return f"{self.name} {self.last_run_at:%Y-%m-%d %H:%M:%S}"
