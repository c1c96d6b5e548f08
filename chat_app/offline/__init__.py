"""The language model without a network: it understands plain commands, and asks where it is unsure.

model       answers a prompt, as any language model here
commands    a message is split into commands, each read by its verb
asking      commands that only read, and what else people say
changing    commands that create and change tasks
timing      commands about times
targets     which tasks are meant
saying      what a command wants and says; tasks and times in words
"""
