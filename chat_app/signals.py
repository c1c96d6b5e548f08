"""What others in the assistant's room may react to, in the same transaction."""

from django.dispatch import Signal

# Its user has allowed or declined a call: `confirmation`, and `result` of what was carried out, else None.
# The rows of its conversation and its turn are locked, in this order.
confirmation_decided = Signal()
# What a turn changed was undone: `turn`, locked, and `answer`, a chat_app.undo.Undone.
turn_undone = Signal()
