"""What is made of a video besides its qualities: a film to save, small pictures to seek by. None of it is needed for it to play."""
