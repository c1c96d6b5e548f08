"""What an English sentence says about a task: a closed grammar, in pure Python.

Each word is part of a phrase of the grammar or of the title. Where a sentence has two readings, the answer
is a question, never a guess.
"""

from quick_add.answers import Choice, Question, Span, Understood
from quick_add.understanding import understand, understand_when

__all__ = ["Choice", "Question", "Span", "Understood", "understand", "understand_when"]
