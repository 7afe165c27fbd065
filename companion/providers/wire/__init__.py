"""What dialects share, whoever speaks them.

faults          what a vendor's failure is called      sse             events out of the bytes of an answer
sockets         a take over a WebSocket                voice_sockets   a voice over a WebSocket
voice_model     models that hear and answer in one     wellformed      whether a request makes sense at all
"""
