"""Ways of coding a clip, ours and the rivals', and how they are run and watched.

`table.py` is the rivals' settings as data; `rivals.py` and `ours.py` make commands of settings; `ffmpeg.py` finds a
program that can run them, and `process.py` runs them and says what they took.
"""
