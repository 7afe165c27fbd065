"""The ears and the mouth: everything between the machine's sound devices and the house's frames of speech.

devices    the home of PortAudio: which devices there are, opening one by name, what a refusal means
pulse      what PulseAudio or PipeWire knows: sources and sinks by name, monitors, where a stream belongs
ring       sound that waits between a device's callback and the loop, in memory that never grows
remarks    what a person is told of their devices without being stopped
capture    DeviceMicrophone: a take from a real microphone
playback   DevicePlayer: speech to a real speaker, silenced at once when asked
virtual    FileMicrophone and CapturingPlayer: the same two ports without a device
segment    was there speech in it, how long has it been quiet, where does a turn begin and end
echo       the app's own voice taken out of what the microphone hears (an optional install)
handsfree  OpenMicrophone: the person's turns out of one long take, each as a take of its own
"""
