"""Uploads whose bytes go from the client straight to S3, under the same session and the same token as all others."""
