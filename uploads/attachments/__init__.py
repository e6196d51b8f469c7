"""Small files that belong to something other than a video: a ticket's screenshots and logs. Same endpoint, a policy of their own."""
