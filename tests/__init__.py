"""Tests of nvcodec, a package so that no other `tests` among what is installed is taken for it."""
