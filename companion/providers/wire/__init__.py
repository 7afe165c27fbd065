"""What dialects share, whoever speaks them.

faults          how a call that ends badly is told     refusals        what a vendor's refusal means
sse             events out of the bytes of an answer   words           words and thoughts out of what a model writes
bodies          a request as JSON
sound           sound in the answers over HTTP         heard           words in the answers of recognisers
languages       tags as recognisers take them          voices          a voice that is not there
sockets         a take over a WebSocket                voice_sockets   a voice over a WebSocket
voice_model     models that hear and answer in one     wellformed      whether a request makes sense at all
"""
