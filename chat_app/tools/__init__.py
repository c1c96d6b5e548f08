"""What the assistant, and other assistants by MCP, can do: typed wrappers of the services of tasks.

tool          what a tool is, the turn that it works for, its errors
calling       the one way to call one: once, within its bounds, with its changes recorded
registry      all of them
words         what a call will do, in words that name everything
values        what arguments have in common: ids, times as people of a zone say them
shown         tasks and tags as tools answer them
reading, writing, tagging, recurring, reminding     the tools
"""
