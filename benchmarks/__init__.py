"""Rate-distortion, speed and memory of the codec, measured on real clips."""
