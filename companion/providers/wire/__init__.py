"""What dialects share, whoever speaks them.

faults          how a call that ends badly is told     refusals        what a vendor's refusal means
sse             events out of the bytes of an answer   words           words and thoughts out of what a model writes
bodies          a request as JSON
sockets         a take over a WebSocket                voice_sockets   a voice over a WebSocket
voice_model     models that hear and answer in one     wellformed      whether a request makes sense at all
"""
