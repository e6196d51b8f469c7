"""The local engine is `engine.LocalEngine`. What runs and watches a process (`process`, `progress`) needs no Django; the emulator uses it, too."""
