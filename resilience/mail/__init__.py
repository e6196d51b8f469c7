"""Mail that is not lost: a message is a row of the request that sends it, and delivered by a task, as often as it takes.

A server that took a message and whose answer was lost gets it again, with the same Message-ID: at least once, and a second copy can be told.
"""

CIRCUIT = "mail"
KIND = "mail.deliver"
