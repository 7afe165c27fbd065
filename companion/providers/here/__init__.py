"""Everybody who runs on this computer: one file or one package each, found by the registry.

guide/      answers from written rules                 builtin   the voice and the recogniser that come along
whisper     a good recogniser, by choice               piper     natural voices, once one is here
voices      which of them there are                    mock      says what it is told to
mind/       a language model, by choice                process/  the engine process the voices and recognisers work in
"""
