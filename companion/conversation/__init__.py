"""The conversation room: from a press of the talk key to what was heard of the answer.

turn         the pure machine: what a press, a word or a sound means now
driver       its buttons, its timer, and who it works with
engine       carries its commands out; hearing, reply and keeping are its hands
hearing      one take into words; recording is a take in memory, stretches serve recognisers that do not hear live
reply        one answer: streamed, cut (sentences), cleaned (speech_text), spoken; seam joins one that was cut off
following    the sound of it as it is heard; heard maps sound back to sentences and words
keeping      what is committed when; live_turn is a turn while it lives
handsfree    the open microphone and the turns that begin by speaking; own_voice notices an app that talks to itself
             (prepared is an answer asked for in a pause)
realtime     the engine over one voice model; line and spoken are its hands, what stays here goes the usual way
prompt       what a model is sent
timeline     where the time of a turn went
"""
