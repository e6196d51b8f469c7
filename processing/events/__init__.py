"""News from engines that work elsewhere: `envelope` reads it, `take` brings it in, `consumer` fetches it, `watch` asks where none comes."""
