"""Uploads in S3, written through the server: full parts as parts of a multipart upload, the rest as a tail object under a new key each time.

`client` is the one way to S3, `models` says what the bucket holds; both are shared with whoever else puts parts there.
"""
