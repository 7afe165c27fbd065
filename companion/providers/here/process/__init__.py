"""The engine process and the way to it: no provider by itself.

The app's end: `engine_provider`, a provider whose work is done there, and `engines`, which starts and replaces the process.
Between the two: `pipe`, its frames. The process, `python -m worker`, gives up at its start what no engine needs
(`companion.confined`): `job` is one piece of work; `espeak` the plain voice and what it is given (`breaths`);
`natural_engine` the natural voices, with what their files lack (`onnx_notes`); `whisper_engine` the recogniser.
"""
