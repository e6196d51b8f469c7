"""AWS Elemental MediaConvert: `client` asks it, `names` and `settings` say what a job is to make and where, `engine` ties them to our attempts."""
