"""The conversation room: from a press of the talk key to what was heard of the answer.

turn           the pure machine: what a press, a word or a sound means now
driver         its buttons and its timer; organs is what it works with
engine         carries its commands out, and keeps what outlives a turn; turn_maker makes the turns
live_turn      what every turn is: a take on its way into memory and onto disk (recording), with its session
written_turn   heard by a recogniser, answered by a model that writes; segments are for recognisers that do not hear live
spoken_turn    heard and answered by a voice model; voice_link and connection are its way there
answer         what every answer is: written_answer and spoken_answer; continuation joins one that was cut off
following      the sound of it as it is heard, which heard maps back to sentences and words; answer_sound keeps it
turn_saver     what is committed when, and tried again
handsfree      the open microphone and the turns that begin by speaking; own_voice notices an app that talks to itself;
               speculative is an answer asked for in a pause
sentences      how text is cut for speech; speech_text cleans it; prompt is what a model is sent
timeline       where the time of a turn went
"""
