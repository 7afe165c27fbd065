"""The engine process and the way to it: no provider by itself.

engine_provider   a provider whose work is done there      engines   the app's end: starts and replaces it
pipe              the frames between the two               worker    the process, `python -m` this
"""
