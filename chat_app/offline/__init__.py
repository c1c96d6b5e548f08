"""The language model without a network: it understands plain commands, and asks where it is unsure.

model       answers a prompt, as any language model here
commands    a message is split into commands, each read by its verb
verbs       what each command does: which tools it calls, and what it then says
targets     which tasks are meant
saying      tasks and times in words
"""
