"""The command line: parse, call the library, draw progress, turn errors into one clear line."""
