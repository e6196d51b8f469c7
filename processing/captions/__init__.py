"""What is said in a video, as text under it. A service elsewhere listens; a video is published without it, and gets it later."""
