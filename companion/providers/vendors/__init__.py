"""Everybody who is asked over a connection: one file or one package each, found by the registry.

A file, or a package's `__init__`, defines `SPEC` and `PROVIDER`; in a package they come from its `provider`.

    openai/   google/   anthropic/   deepgram/       with the words of their wires in files of their own
    cartesia  elevenlabs  ollama  wyoming            one file each
    compatible                                       OpenAI's dialect as rows of `resources/vendors.yaml`
"""
