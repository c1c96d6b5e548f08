"""What the OpenAPI document says about the whole API. The settings import it, so it imports nothing."""

DESCRIPTION = """\
Tasks, recurrence and reminders that are never forgotten.

**Limits.** A body has at most 2 MiB, a page 200 results, a bulk request 1,000 operations. Each user may
write 300 times a minute (`writes`), and a bulk request is one write; its operations count beside it, 6,000
a minute (`operations`). Two long requests of a user (bulks, merging and deleting tags, deleting templates)
run at once. A user has at most 100,000 tasks, with the trash, and 5,000 tags; a request creates at most
1,000 tags. The operator may have set other limits. Answers that count against a limit say in `RateLimit`
what is left; a 429 says in `Retry-After` when to try again.

**Changing.** What you read can be changed and sent back: read-only fields that are unchanged are ignored.
`version` in the body, or `If-Match` with the `ETag`, makes sure that you change what you read: otherwise the
answer is a 412.

**Trying again.** With an `Idempotency-Key` it is safe to send a write a second time.

**Errors.** Every error has the same form, and codes that do not change.
"""
CONTACT = {"name": "The operator of this server"}
LICENSE = {"name": "MIT", "identifier": "MIT"}
SERVERS = [{"url": "/", "description": "The server that this document comes from."}]
TAGS = [
    {"name": name, "description": description}
    for name, description in {
        "assistant": "The assistant: where it is, and what is left of the user's day.",
        "auth": "Sign up, sign in and out, passwords, email addresses, and API tokens.",
        "chat": "Say something to the assistant.",
        "confirmations": "What the assistant asks to be allowed.",
        "conversations": "Conversations with the assistant.",
        "me": "The account of the signed-in user.",
        "priorities": "How much a task matters. All users share them; staff can change them.",
        "push": "What a browser needs to subscribe.",
        "push-subscriptions": "The browsers that show the user's reminders.",
        "recurrence": "What a recurrence rule means, before anything is saved.",
        "recurring-tasks": "Templates, which create tasks by a schedule.",
        "stream": "The user's changes, live, as Server-Sent Events.",
        "tags": "The user's own words for tasks.",
        "tasks": "Tasks, their reminders and their series.",
    }.items()
]
ENUMS = {
    "ApplyTo": "tasks_app.task_serializer.APPLY_TO",
    "ApiTokenScope": "accounts_app.models.ApiToken.Scope",
    "BulkOperation": "tasks_app.bulk_serializers.OPERATIONS",
    "Channel": "accounts_app.preferences.Channel",
    "CatchUp": "recurring_app.models.RecurringTask.CatchUp",
    "ChangeAction": "chat_app.models.Change.Action",
    "ActionState": "chat_app.serializers.ACTION_STATES",
    "ConfirmationState": "chat_app.models.Confirmation.State",
    "DeliveryState": "notifications_app.models.Delivery.State",
    "ErrorType": "http_app.errors.ERROR_TYPES",
    "MessageRole": "chat_app.models.Message.Role",
    "LeftReason": "chat_app.undo.REASONS",
    "OccurrenceState": "recurring_app.history_views.OCCURRENCE_STATES",
    "RecurrenceMode": "tasks_app.models.Task.RecurrenceMode",
    "RecurrencePattern": "recurring_app.models.RecurringTask.Pattern",
    "ReminderActionOutcome": "notifications_app.models.ReminderAction.Outcome",
    "ReminderState": "notifications_app.models.Reminder.State",
    "TaskOccurrenceState": "tasks_app.occurrence_views.STATES",
    "SlotState": "tasks_app.models.Task.SlotState",
    "TurnState": "chat_app.serializers.TURN_STATES",
    "UndoneKind": "chat_app.models.Change.Kind",
}
