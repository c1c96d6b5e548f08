"""An example of each body, by the name of its schema in the OpenAPI document.

A test validates each against its schema, and requires one for every operation.
"""

from typing import Any

from notifications_app.push_answers import in_words

_CREATED_AT = "2030-04-28T18:20:31.482113Z"
_TASK: dict[str, Any] = {
    "external_id": None,
    "title": "Water the plants",
    "description": "The ones on the balcony too",
    "color": "default",
    "pinned": False,
    "archived": False,
    "due_date": None,
    "due_at": "2030-05-01T07:00:00Z",
    "reminder_at": None,
    "reminder_offsets": [30, 1440],
    "rings_in_quiet_hours": False,
    "is_recurring": True,
    "recurrence_rule": "daily",
    "recurrence_end": None,
    "recurrence_mode": "fixed",
    "timezone": "Europe/Berlin",
}
_TOKENS = {"access": "eyJhbGciOi...access", "refresh": "eyJhbGciOi...refresh"}
_API_TOKEN = {
    "id": 7,
    "name": "backup script",
    "scopes": ["read"],
    "expires_at": "2031-01-01T00:00:00Z",
    "last_used_at": None,
    "created_at": _CREATED_AT,
}
_CONVERSATION: dict[str, Any] = {
    "id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d12",
    "title": "move everything due today to tomorrow",
    "archived": False,
    "created_at": "2030-04-28T18:20:31.482113+00:00",
    "updated_at": "2030-04-28T18:20:32.113482+00:00",
}
_ASKED: dict[str, Any] = {
    "id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d11",
    "tool": "delete_tasks",
    "words": "Move to the trash: 1 task\n- “Water the plants” (7)",
    "expires_at": "2030-04-28T18:50:31.482113+00:00",
}
_DECIDED: dict[str, Any] = {
    "id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d11",
    "state": "confirmed",
    "tool": "delete_tasks",
    "words": "Move to the trash: 1 task\n- “Water the plants” (7)",
    "conversation_id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d12",
    "turn_id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d13",
    "result": {"tasks": [{"id": 7, "title": "Water the plants", "completed": False, "in_trash": True}]},
}
# The example of RFC 8291, 5.
_POINT = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"
_ENDPOINT = "https://push.example.com/send/f1Zr2sBq"
_DELIVERY = {
    "id": 81,
    "channel": "web_push",
    "subscription_id": 4,
    "state": "sent",
    "created_at": "2030-05-01T06:30:00.412007Z",
    "next_attempt_at": None,
    "expires_at": "2030-05-01T18:30:00Z",
    "sent_at": "2030-05-01T06:30:00.530912Z",
    "seconds": {
        "claimed": 0.391554,
        "handled": 0.020453,
        "queued": 0.086213,
        "retried": 0.0,
        "sent": 0.032692,
    },
    "attempts": [
        {"at": "2030-05-01T06:30:00.498220Z", "status": 201, "error": "", "meaning": in_words(201, "")}
    ],
}

_ANSWER = _TASK | {
    "series_id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d10",
    "slot_state": "open",
    "recurrence_text": "every day at 09:00, Europe/Berlin",
    "id": 7,
    "completed": False,
    "completed_at": None,
    "deleted_at": None,
    "all_day": False,
    "reminder_sent": False,
    "snoozed_until": None,
    "occurrence_at": "2030-05-01T07:00:00Z",
    "parent_task_id": None,
    "recurring_task_id": None,
    "priority_id": 3,
    "tag_ids": [5],
    "version": 1,
    "created_at": _CREATED_AT,
    "updated_at": _CREATED_AT,
}
_TEMPLATE: dict[str, Any] = {
    "template_title": "Weekly report",
    "template_description": "To the whole team",
    "recurrence_pattern": "custom",
    "cron_expression": None,
    "rrule": "FREQ=WEEKLY;BYDAY=FR",
    "timezone": "Europe/Berlin",
    "starts_at": "2030-05-03T09:00:00",
    "ends_at": None,
    "catch_up": "latest",
    "due_after_minutes": 480,
    "reminder_offsets": [60],
    "is_active": True,
}

# What lists have beside results, next and previous.
BESIDE_RESULTS: dict[str, Any] = {
    "PaginatedReminderList": {
        "planned": {"next_reminder_at": None, "why": "All reminders of the task have passed."}
    },
}

EXAMPLES: dict[str, Any] = {
    "Assistant": {
        "chat_url": "https://todo.example.com/api/chat",
        "model": "google:gemini-2.5-flash",
        "turns_left": 498,
        "tokens_left": 987_654,
    },
    "Cancel": {"cancelled": True},
    "ChatRequest": {"message": "delete water the plants", "conversation_id": None},
    "Conversation": _CONVERSATION,
    "ConversationRequest": {"title": "Groceries", "archived": False},
    "Decided": _DECIDED,
    "Message": {
        "id": "0197a5e2-8c40-7bb1-8d0a-5b7f0f2f9d14",
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "name": "delete_tasks", "arguments": {"task_ids": [7]}}],
        "tool_call_id": "",
        "turn_id": _DECIDED["turn_id"],
        "tokens_used": 512,
        "created_at": "2030-04-28T18:20:32.113482+00:00",
    },
    "Turn": {
        "conversation_id": _CONVERSATION["id"],
        "turn_id": _DECIDED["turn_id"],
        "state": "waiting",
        "reply": "Shall I move “Water the plants” to the trash?",
        "actions": [
            {
                "call_id": "call_1",
                "tool": "delete_tasks",
                "state": "waiting",
                "arguments": {"task_ids": [7]},
                "result": {},
            }
        ],
        "confirmation": _ASKED,
        "confirmations": [_ASKED],
    },
    "UndoRequest": {"turn_id": _DECIDED["turn_id"]},
    "Undone": {
        "turn_id": _DECIDED["turn_id"],
        "undone": [{"kind": "task", "id": 7, "name": "Water the plants", "action": "deleted"}],
        "left": [
            {"kind": "task", "id": 8, "name": "Pay rent", "action": "updated", "reason": "changed_since"}
        ],
    },
    "PreviewRequest": {
        "rule": "rrule:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR",
        "timezone": "Europe/Berlin",
        "start": "2030-05-03T17:00",
        "after": None,
        "until": "2030-06-30T21:59:59Z",
        "count": 3,
        "mode": "fixed",
        "completed_at": None,
        "now": None,
        "policy": "latest",
    },
    "PreviewAnswer": {
        "occurrences": ["2030-05-03T17:00+02:00", "2030-05-17T17:00+02:00", "2030-05-31T17:00+02:00"],
        "next": "2030-06-14T17:00+02:00",
        "ends": False,
        "missed": None,
        "description": "every second Friday at 17:00, Europe/Berlin",
    },
    "RegistrationRequest": {
        "email": "alice@example.com",
        "password": "correct horse battery staple",
        "timezone": "Europe/Berlin",
    },
    "SignInRequest": {"email": "alice@example.com", "password": "correct horse battery staple"},
    "SignIn": _TOKENS,
    "RefreshRequest": {"refresh": _TOKENS["refresh"]},
    "Refresh": _TOKENS,
    "SignOutRequest": {"refresh": _TOKENS["refresh"]},
    "Me": {
        "id": "01968f2e-7c1a-7b3e-9d55-0c6a1f0e4b21",
        "email": "alice@example.com",
        "email_confirmed": True,
        "timezone": "Europe/Berlin",
        "timezone_is_default": False,
        "day_starts_at": "09:00",
        "default_reminder_offset": 30,
        "quiet_from": "22:00",
        "quiet_to": "07:00",
        "channels": ["push"],
        "due_soon_notifications": False,
        "reachable": True,
        "is_staff": False,
        "created_at": _CREATED_AT,
    },
    "PatchedMeRequest": {"quiet_from": "22:00", "quiet_to": "07:00", "channels": ["push", "email"]},
    "ApiToken": _API_TOKEN,
    "ApiTokenRequest": {"name": "backup script", "scopes": ["read"], "expires_at": "2031-01-01T00:00:00Z"},
    "NewApiToken": _API_TOKEN | {"token": "todo_pat_" + "0123456789abcdef" * 4},
    "Task": _ANSWER,
    "QuickAdded": {
        "task": _ANSWER,
        "understood": [
            {"from": 17, "to": 31, "text": "every day at 9", "means": "repeats every day at 09:00"}
        ],
        "questions": [],
    },
    "SkippedTask": _ANSWER | {"slot_state": "skipped", "deleted_at": _CREATED_AT, "version": 2, "next_id": 8},
    "PaginatedTaskOccurrenceList": {
        "results": [
            {
                "occurrence_at": "2030-05-01T07:00:00Z",
                "state": "moved",
                "task_id": 7,
                "due_at": "2030-05-01T09:00:00Z",
            }
        ],
        "next": None,
        "previous": None,
        "upcoming": [f"2030-05-0{day}T09:00+02:00" for day in range(2, 7)],
    },
    "TaskRequest": _TASK | {"due_at": "2030-05-01T09:00:00+02:00", "priority": "High", "tags": ["home"]},
    "NewTaskRequest": _TASK
    | {
        "external_id": "todoist:6X4Vw2Hfmg",
        "completed": True,
        "created_at": "2029-03-01T08:00:00+01:00",
        "completed_at": "2029-03-02T17:30:00+01:00",
        "due_at": "2029-03-02T18:00:00+01:00",
        "is_recurring": False,
        "recurrence_rule": None,
        "tags": ["home"],
    },
    "PatchedTaskRequest": {"title": "Water all the plants", "due_at": "2030-05-01T10:00:00+02:00"},
    "RecurringTask": _TEMPLATE
    | {
        "id": 11,
        "recurrence_text": "every Friday at 09:00, Europe/Berlin",
        "priority_id": 3,
        "tag_ids": [5],
        "next_occurrence": "2030-05-03T07:00:00Z",
        "version": 1,
        "created_at": _CREATED_AT,
        "updated_at": _CREATED_AT,
    },
    "RecurringTaskRequest": _TEMPLATE | {"priority": "High", "tags": ["work"]},
    "PatchedRecurringTaskRequest": {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR"},
    "OccurrencesPage": {
        "results": [{"occurrence_at": "2030-05-03T07:00:00Z", "state": "done", "task_id": 7}],
        "next": None,
        "previous": None,
        "upcoming": ["2030-05-10T09:00+02:00", "2030-05-17T09:00+02:00"],
    },
    "SnoozeRequest": {"minutes": 15},
    "Tag": {
        "id": 5,
        "name": "home",
        "color": "#3366ff",
        "task_count": None,
        "version": 1,
        "created_at": _CREATED_AT,
    },
    "TagRequest": {"name": "home", "color": "#3366ff"},
    "MergeRequest": {"into": 6},
    "Priority": {
        "id": 3,
        "name": "High",
        "level": 3,
        "color": "#ff8800",
        "version": 1,
        "created_at": _CREATED_AT,
    },
    "PriorityRequest": {"name": "Someday", "level": 5, "color": "#999999"},
    "Ticket": {
        "url": "https://todo.example.com/api/stream",
        "ticket": "eyJ1c2VyX2lkIjoi...:1uX4Zq:k3Jd",
        "expires_at": "2030-04-28T18:21:31.482113Z",
    },
    "PublicKey": {"public_key": _POINT},
    "PushSubscription": {
        "id": 4,
        "endpoint": _ENDPOINT,
        "user_agent": "Firefox on the laptop",
        "created_at": _CREATED_AT,
        "updated_at": _CREATED_AT,
    },
    "PushSubscriptionRequest": {
        "endpoint": _ENDPOINT,
        "expirationTime": None,
        "keys": {"p256dh": _POINT, "auth": "tBHItJI5svbpez7KI4CCXg"},
        "user_agent": "Firefox on the laptop",
    },
    "Delivery": _DELIVERY,
    "Reminder": {
        "id": 52,
        "event_id": "0196b8f2-6f0c-7d2a-9c3e-5a4b7f1e2d30",
        "reminder_at": "2030-05-01T06:30:00Z",
        "claimed_at": "2030-05-01T06:30:00.391554Z",
        "lateness_seconds": 0.391554,
        "state": "delivered",
        "why": (
            "It was due on Wednesday, 1 May at 08:30, was claimed in time, and was sent to 1 browser, less"
            " than 1 s after that."
        ),
        "deliveries": [_DELIVERY],
        "actions": [
            {
                "action": "snooze_10_minutes",
                "at": "2030-05-01T06:31:12.052116Z",
                "outcome": "done",
                "snoozed_until": "2030-05-01T06:41:12.052116Z",
                "undone_at": None,
            }
        ],
    },
}
