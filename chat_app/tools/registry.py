"""All tools, by name: those that conversations have, and with them those of MCP."""

from chat_app.tools.reading import READING, SEARCHING
from chat_app.tools.recurring import RECURRING
from chat_app.tools.reminding import REMINDING
from chat_app.tools.tagging import TAGGING
from chat_app.tools.tool import Tool
from chat_app.tools.writing import WRITING

# What a conversation offers its model.
CHAT_TOOLS = {tool.name: tool for tool in [*READING, *WRITING, *RECURRING, *REMINDING, *TAGGING]}
# What can be called.
TOOLS: dict[str, Tool] = {**CHAT_TOOLS, **{tool.name: tool for tool in SEARCHING}}
