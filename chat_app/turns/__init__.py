"""Turns: what the assistant does about one message of its user.

beginning   a message becomes a turn, or is a repeat of one
limits      what a user may use in a day
steps       the calls of an answer, each carried out with its result in one transaction
ending      how a turn ends: done, waiting, failed, cancelled, interrupted
loop        the loop: ask the model, carry out, ask again
runner      the turns that run in this process
"""
