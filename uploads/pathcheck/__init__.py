"""Does an upload survive the way from here to the server? Asked from outside, over the same addresses people use."""
