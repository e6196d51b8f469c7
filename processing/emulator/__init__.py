"""A MediaConvert to work against: the service's API by its own model, with jobs that really transcode. Needs no database and no
Django.

Nothing outside this package may import it except the command that starts it: the product talks to it as it talks to AWS, by an endpoint URL.
"""
