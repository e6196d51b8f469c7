"""How times read where a template names no format, the console above all: day first, 24 hours, with seconds."""

DATETIME_FORMAT = "j M Y, H:i:s"
DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
